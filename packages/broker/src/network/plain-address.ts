import { isIPv6, SocketAddress } from "node:net";

/** One spelling for each address: IPv4 as such where it came mapped into IPv6, IPv6 in its short form. */
export function plainAddress(address: string): string {
  const unmapped = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(unmapped)) return unmapped;
  return new SocketAddress({ family: "ipv6", address: unmapped }).address;
}

/** A certificate authority of the test's own, and a server certificate of it for 127.0.0.1, in PEM files made by openssl. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runOrThrow } from "@ottla/testing";

export interface Certificates {
  /** The authority's certificate, for those who shall trust it. */
  readonly ca: string;
  /** The server's key and its chain in one file, as Kafka takes it. */
  readonly keyStore: string;
}

export async function makeCertificates(directory: string): Promise<Certificates> {
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => runOrThrow("openssl", args, { timeoutMs: 30_000 });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl(
    ...["req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem")],
    ...["-subj", "/CN=test authority", "-days", "2"],
  );
  await openssl(
    ...["req", ...key, "-keyout", at("server.key"), "-out", at("server.csr")],
    ...["-subj", "/CN=broker"],
  );
  await writeFile(at("names"), "subjectAltName=IP:127.0.0.1\n");
  await openssl(
    ...["x509", "-req", "-in", at("server.csr"), "-out", at("server.pem"), "-days", "2"],
    ...["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-extfile", at("names")],
  );
  const ca = await readFile(at("ca.pem"), "utf8");
  const chain = await readFile(at("server.pem"), "utf8");
  await writeFile(
    at("server-store.pem"),
    `${await readFile(at("server.key"), "utf8")}${chain}${ca}`,
  );
  return { ca, keyStore: at("server-store.pem") };
}

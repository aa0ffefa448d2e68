/** Kafka's `ssl.…` settings as what `node:tls` takes. PEM everywhere, PKCS#12 for one's own key; Java's own stores cannot be read. */
import type { ConnectionOptions, SecureVersion } from "node:tls";
import { invalid, readSettingFile, type Settings } from "./settings.ts";

const PEM = "-----BEGIN ";
const ASN1_SEQUENCE = 0x30;

export async function tlsOptions(settings: Settings): Promise<ConnectionOptions> {
  if (settings.text("ssl.engine.factory.class") !== null) {
    throw invalid("ssl.engine.factory.class", "names a Java class, which cannot be used here");
  }
  const ca = await trusted(settings);
  return {
    ...(ca === null ? {} : { ca }),
    ...(await ownKey(settings)),
    ...versions(settings),
    // The certificate must be good all the same, only not for this name.
    ...(isNameChecked(settings) ? {} : { checkServerIdentity: () => undefined }),
  };
}

function isNameChecked(settings: Settings): boolean {
  const key = "ssl.endpoint.identification.algorithm";
  return !settings.isSet(key) || settings.text(key) !== null;
}

async function trusted(settings: Settings): Promise<string | null> {
  const inline = settings.text("ssl.truststore.certificates");
  if (inline !== null) return inline;
  const key = "ssl.truststore.location";
  const path = settings.text(key);
  if (path === null) return null;
  const store = (await readSettingFile(key, path)).toString("latin1");
  if (store.includes(PEM)) return store;
  throw invalid(key, `is not a PEM file: ${path}`, [
    `Make one with: keytool -list -rfc -keystore ${path} > ca.pem`,
  ]);
}

async function ownKey(settings: Settings): Promise<ConnectionOptions> {
  const keyPassword = settings.text("ssl.key.password");
  const inlineKey = settings.text("ssl.keystore.key");
  const inlineChain = settings.text("ssl.keystore.certificate.chain");
  if (inlineKey !== null || inlineChain !== null) {
    if (inlineKey === null || inlineChain === null) {
      throw invalid("ssl.keystore.key", "and ssl.keystore.certificate.chain go together");
    }
    return { key: inlineKey, cert: inlineChain, ...passphrase(keyPassword) };
  }
  const key = "ssl.keystore.location";
  const path = settings.text(key);
  if (path === null) return {};
  const store = await readSettingFile(key, path);
  const text = store.toString("latin1");
  if (text.includes(PEM)) return { key: text, cert: text, ...passphrase(keyPassword) };
  if (store[0] === ASN1_SEQUENCE) {
    return { pfx: store, ...passphrase(settings.text("ssl.keystore.password")) };
  }
  throw invalid(key, `is neither PEM nor PKCS#12: ${path}`, [
    `Make one with: keytool -importkeystore -srckeystore ${path} -destkeystore client.p12 -deststoretype PKCS12`,
  ]);
}

function passphrase(password: string | null): Pick<ConnectionOptions, "passphrase"> {
  return password === null ? {} : { passphrase: password };
}

function versions(settings: Settings): Pick<ConnectionOptions, "minVersion" | "maxVersion"> {
  const key = "ssl.enabled.protocols";
  const text = settings.text(key);
  if (text === null) return {};
  const known: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
  const places = text.split(",").map((name) => known.indexOf(name.trim() as SecureVersion));
  if (places.includes(-1)) throw invalid(key, `takes some of ${known.join(", ")}, not "${text}"`);
  return {
    minVersion: known[Math.min(...places)]!,
    maxVersion: known[Math.max(...places)]!,
  };
}

/**
 * An authority, the certificate of a server and that of a client, made when they are needed: X.509 by hand, since
 * `node:crypto` reads certificates and makes none. Elliptic keys on P-256; the little of DER that this takes.
 */
import * as Effect from "effect/Effect"
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import * as Fs from "node:fs/promises"
import { isIP } from "node:net"
import * as Path from "node:path"
import { PostgresServerError } from "../../testing/PostgresServerError.ts"
import { attempt, handOver } from "./process.ts"

export interface CertificateOptions {
  readonly hosts?: ReadonlyArray<string>
  readonly notAfter?: Date
}

/** Fails if no certificate can be made so. */
export const validate = Effect.fnUntraced(function* (options: CertificateOptions) {
  const { hosts, notAfter } = withDefaults(options)
  for (const host of hosts) {
    if (!/^[\w.*-]+$/.test(host)) return yield* invalid("tls.hosts", host, "neither a name nor an IPv4 address")
  }
  if (hosts.length === 0) return yield* invalid("tls.hosts", "", "a certificate is for at least one")
  if (!(notAfter.getUTCFullYear() >= 1970)) {
    return yield* invalid("tls.notAfter", String(notAfter), "a time from 1970 on")
  }
})

/** Writes them into `directory/tls`: what the server is configured with, and the files of a client that logs in as `user`. */
export const write = Effect.fnUntraced(function* (directory: string, user: string, options: CertificateOptions) {
  const { hosts, notAfter } = withDefaults(options)
  const made = issue(hosts, user, notAfter)
  const folder = Path.join(directory, "tls")
  const file = (name: string) => Path.join(folder, name)
  const client = { authority: file("authority.crt"), certificate: file("client.crt"), key: file("client.key") }
  const server = { certificate: file("server.crt"), key: file("server.key") }
  yield* attempt(`making ${folder}`, async () => {
    await Fs.mkdir(folder)
    await Fs.chmod(folder, 0o755)
    for (const [path, text] of [
      [client.authority, made.authority],
      [client.certificate, made.client.certificate],
      [server.certificate, made.server.certificate]
    ] as const) {
      await Fs.writeFile(path, text)
      await Fs.chmod(path, 0o644)
    }
    // Both sides refuse a key that others can read.
    for (const [path, text] of [
      [client.key, made.client.key],
      [server.key, made.server.key]
    ] as const) {
      await Fs.writeFile(path, text, { mode: 0o600 })
    }
    await handOver(server.key)
  })
  return {
    client,
    settings: {
      ssl: "on",
      ssl_cert_file: server.certificate,
      ssl_key_file: server.key,
      ssl_ca_file: client.authority
    }
  }
})

const withDefaults = (options: CertificateOptions) => ({
  hosts: options.hosts ?? ["localhost", "127.0.0.1"],
  notAfter: options.notAfter ?? new Date(Date.now() + 10 * 365 * 86_400_000)
})

const invalid = (option: string, value: string, problem: string) =>
  new PostgresServerError({ reason: { _tag: "InvalidOption", option, value, problem } })

/** All in PEM. */
const issue = (hosts: ReadonlyArray<string>, user: string, notAfter: Date) => {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const authorityName = "green-pg test authority"
  const certify = (subject: string, publicKey: KeyObject, extensions: ReadonlyArray<Buffer>) =>
    certificate({ issuer: authorityName, issuerKey: authority.privateKey, subject, publicKey, extensions, notAfter })
  const endEntity = (subject: string, extensions: ReadonlyArray<Buffer>) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    return { certificate: certify(subject, publicKey, extensions), key }
  }
  return {
    authority: certify(authorityName, authority.publicKey, [
      extension("2.5.29.19", sequence(tagged(0x01, Buffer.of(0xff)))), // basic constraints: an authority
      extension("2.5.29.15", tagged(0x03, Buffer.of(1, 0x06))) // key usage: signs certificates and lists
    ]),
    server: endEntity(hosts[0] ?? "", [
      extension("2.5.29.17", sequence(...hosts.map(alternativeName))),
      extension("2.5.29.37", sequence(objectIdentifier("1.3.6.1.5.5.7.3.1"))) // usage: server
    ]),
    client: endEntity(user, [extension("2.5.29.37", sequence(objectIdentifier("1.3.6.1.5.5.7.3.2")))]) // usage: client
  }
}

const certificate = (of: {
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly subject: string
  readonly publicKey: KeyObject
  readonly extensions: ReadonlyArray<Buffer>
  readonly notAfter: Date
}): string => {
  // It may have ended long ago.
  const notBefore = new Date(Math.min(Date.now(), of.notAfter.getTime()) - 86_400_000)
  const content = sequence(
    tagged(0xa0, integer(Buffer.of(2))), // version 3
    integer(randomBytes(16)),
    ecdsaWithSha256,
    name(of.issuer),
    sequence(time(notBefore), time(of.notAfter)),
    name(of.subject),
    of.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...of.extensions))
  )
  const signature = sign("sha256", content, of.issuerKey)
  const der = sequence(content, ecdsaWithSha256, tagged(0x03, Buffer.of(0), signature))
  const lines = der.toString("base64").match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

const tagged = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const length = content.length
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

const sequence = (...contents: ReadonlyArray<Uint8Array>) => tagged(0x30, ...contents)

/** Positive: a first bit would be a sign, and the shortest form is the only one. */
const integer = (bytes: Buffer) => {
  const shortest = bytes.subarray(
    Math.max(
      0,
      bytes.findIndex((byte) => byte !== 0)
    )
  )
  return tagged(0x02, (shortest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest)
}

const objectIdentifier = (dotted: string) => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const septets = (value: number): ReadonlyArray<number> =>
    value < 0x80 ? [value] : [...septets(value >> 7).map((septet) => septet | 0x80), value & 0x7f]
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(septets)]))
}

const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"))

const name = (commonName: string) =>
  sequence(tagged(0x31, sequence(objectIdentifier("2.5.4.3"), tagged(0x0c, Buffer.from(commonName)))))

/** Two digits of the year until 2049, four from then on. */
const time = (date: Date) => {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits))
}

const alternativeName = (host: string) =>
  isIP(host) === 4 ? tagged(0x87, Buffer.from(host.split(".").map(Number))) : tagged(0x82, Buffer.from(host))

const extension = (identifier: string, value: Buffer) => sequence(objectIdentifier(identifier), tagged(0x04, value))

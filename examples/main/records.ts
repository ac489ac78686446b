/**
 * The bytes that Linux gives to be read: pure functions from them and, for tests, to them. Numbers are those of a
 * little-endian machine.
 */

/** The file names of inotify records: watch, mask and cookie, then the length of the name and the name, padded by NUL. */
export const fileNames = (records: Uint8Array): ReadonlyArray<string> => {
  const bytes = Buffer.from(records)
  const names: Array<string> = []
  for (let at = 0; at < bytes.length;) {
    const start = at + 16
    const end = start + bytes.readUInt32LE(at + 12)
    names.push(bytes.toString("utf8", start, bytes.indexOf(0, start)))
    at = end
  }
  return names
}

/** The inotify record of a file. */
export const fileRecord = (name: string): Uint8Array => {
  const length = Math.ceil((Buffer.byteLength(name) + 1) / 16) * 16
  const record = Buffer.alloc(16 + length)
  record.writeUInt32LE(length, 12)
  record.write(name, 16)
  return record
}

/** How often a timerfd has expired since it was read before. */
export const expirations = (record: Uint8Array): number => Number(Buffer.from(record).readBigUInt64LE())

/** The record of so many expirations. */
export const expirationRecord = (count: number): Uint8Array => {
  const record = Buffer.alloc(8)
  record.writeBigUInt64LE(BigInt(count))
  return record
}

/** What is sent, and sent back, on every side. */

/** With the object around it about a hundred bytes. */
export const key = "k".repeat(80)

export const megabyte = (): Uint8Array<ArrayBuffer> => new Uint8Array(1_000_000)

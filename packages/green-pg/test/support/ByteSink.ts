/** A sink of values that grows: the smallest one. */
import type { ValueSink } from "green-pg/PgTypes"

export interface ByteSink extends ValueSink {
  readonly bytes: () => Uint8Array<ArrayBuffer>
  /** Whether SQL NULL was written. */
  readonly isNull: () => boolean
}

const encoder = new TextEncoder()

export const make = (): ByteSink => {
  const bytes: Array<number> = []
  let isNull = false
  const put = (size: number, set: (view: DataView) => void): void => {
    const view = new DataView(new ArrayBuffer(size))
    set(view)
    bytes.push(...new Uint8Array(view.buffer))
  }
  return {
    uint8: (value) => put(1, (view) => view.setUint8(0, value)),
    int16: (value) => put(2, (view) => view.setInt16(0, value)),
    int32: (value) => put(4, (view) => view.setInt32(0, value)),
    float32: (value) => put(4, (view) => view.setFloat32(0, value)),
    float64: (value) => put(8, (view) => view.setFloat64(0, value)),
    bigInt64: (value) => put(8, (view) => view.setBigInt64(0, value)),
    raw: (value) => {
      for (const byte of value) bytes.push(byte)
    },
    utf8: (value) => {
      for (const byte of encoder.encode(value)) bytes.push(byte)
    },
    sqlNull: () => {
      isNull = true
    },
    beginLength: () => bytes.push(0, 0, 0, 0),
    endLength: (token) => {
      const view = new DataView(new ArrayBuffer(4))
      view.setInt32(0, bytes.length - token)
      bytes.splice(token - 4, 4, ...new Uint8Array(view.buffer))
    },
    bytes: () => Uint8Array.from(bytes),
    isNull: () => isNull
  }
}

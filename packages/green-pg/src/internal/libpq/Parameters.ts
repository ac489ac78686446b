/**
 * The parameters of a query as C wants them: arrays of addresses, lengths, formats and types. One instance per connection,
 * filled anew for each query; libpq copies what it is given.
 */
import type { LibpqParameters } from "../../Libpq.ts"
import { PgError } from "../../PgError.ts"
import type { Parameter, PgTypes } from "../../PgTypes.ts"
import { ByteWriter } from "../ByteWriter.ts"
import { checkCount, invalidInput } from "../input.ts"

export class Parameters implements LibpqParameters {
  count = 0
  types = new Uint32Array(16)
  starts = new Int32Array(16)
  lengths = new Int32Array(16)
  formats = new Int32Array(16)
  readonly #values: PgTypes
  readonly #writer = new ByteWriter()

  constructor(values: PgTypes) {
    this.#values = values
  }

  get buffer(): Uint8Array {
    return this.#writer.bytes
  }

  /** Throws a `PgError` (`InvalidInput`) for one that cannot be written as its type. */
  fill(parameters: ReadonlyArray<Parameter>): this {
    const count = parameters.length
    checkCount("query", count)
    if (count > this.types.length) this.#grow(count)
    const { formats, lengths, starts, types } = this
    const writer = this.#writer
    writer.length = 0
    let index = 0
    try {
      for (; index < count; index++) {
        const parameter = parameters[index]
        if (parameter === undefined) break
        types[index] = parameter.oid
        if (parameter.value === null) {
          starts[index] = -1
          lengths[index] = 0
          formats[index] = 0
          continue
        }
        const start = writer.length
        starts[index] = start
        this.#values.write(writer, parameter)
        lengths[index] = writer.length - start
        formats[index] = parameter.oid === 0 ? 0 : 1
        // A text is measured by its NUL.
        writer.uint8(0)
      }
    } catch (thrown) {
      throw thrown instanceof PgError || !(thrown instanceof Error)
        ? thrown
        : invalidInput("query", `parameter $${index + 1}`, `cannot be sent: ${thrown.message}`)
    }
    this.count = count
    return this
  }

  #grow(count: number): void {
    this.types = new Uint32Array(count)
    this.starts = new Int32Array(count)
    this.lengths = new Int32Array(count)
    this.formats = new Int32Array(count)
  }
}

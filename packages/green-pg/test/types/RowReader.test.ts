/** Rows from DataRow messages: the loop and the made function give the same, and tell the same errors. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import { PgTypes } from "green-pg"
import * as RowReader from "../../src/internal/types/RowReader.ts"
import * as ByteSink from "../support/ByteSink.ts"
import { integer, orNull, scalars, types } from "../support/values.ts"

/** More rows than the loop reads. */
const many = 60

const field = (name: string, typeOid: number): PgTypes.Field => ({
  name,
  typeOid,
  typeModifier: -1,
  tableOid: 0,
  columnNumber: 0
})

/** A DataRow's body that lies among other bytes: where it starts and ends. */
const body = (parameters: ReadonlyArray<PgTypes.Parameter>) => {
  const sink = ByteSink.make()
  sink.raw(Uint8Array.of(9, 9, 9))
  sink.int16(parameters.length)
  for (const parameter of parameters) {
    if (parameter.value === null) sink.int32(-1)
    else {
      const token = sink.beginLength()
      types.write(sink, parameter)
      sink.endLength(token)
    }
  }
  const end = sink.bytes().length
  sink.raw(Uint8Array.of(9, 9, 9))
  return { bytes: sink.bytes(), offset: 3, end }
}

const message = (evaluate: () => unknown): string => {
  try {
    return `no error, but ${String(evaluate())}`
  } catch (error) {
    return error instanceof PgTypes.CodecError ? error.message : `no CodecError, but ${String(error)}`
  }
}

/** What is read first, and what is read when the function was made. */
const early = <Row>(read: RowReader.ReadRow<Row>, row: ReturnType<typeof body>): ReadonlyArray<Row> => {
  const rows = Array.from({ length: many }, () => read(row.bytes, row.offset, row.end))
  return [...rows.slice(0, 1), ...rows.slice(-1)]
}

describe("a row", () => {
  it.effect.prop(
    "of any columns is the same from the loop and from the made function",
    [
      Arbitrary.flatMap(Arbitrary.array(integer(0, scalars.length - 1), { maxLength: 8 }), (choices) =>
        Arbitrary.all(
          choices.map((choice) => {
            const { name, values } = scalars[choice] ?? { name: "bool", values: Arbitrary.Constant(true) }
            return Arbitrary.map(orNull(values), (value) => types.typed(name, value))
          })
        )
      )
    ],
    ([parameters]) =>
      Effect.sync(() => {
        const fields = parameters.map(({ oid }, index) => field(`column ${index}`, oid))
        const row = body(parameters)
        const values = parameters.map(({ value }) => value)
        const object = Object.fromEntries(values.map((value, index) => [`column ${index}`, value]))
        for (const read of early(RowReader.values(types, fields), row)) assert.deepStrictEqual(read, values)
        for (const read of early(RowReader.objects(types, fields), row)) assert.deepStrictEqual(read, object)
      })
  )

  it("has columns by any name, and never another prototype", () => {
    const names = ["__proto__", "constructor", "a'\"`${b}\\", "\u2028\n", "1", "?column?", ""]
    const row = body(names.map((_, index) => PgTypes.int4(index)))
    for (const read of early(
      RowReader.objects(
        types,
        names.map((name) => field(name, 23))
      ),
      row
    )) {
      assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
      assert.deepStrictEqual(new Map(Object.entries(read)), new Map(names.map((name, index) => [name, index])))
    }
  })

  it("of two columns with one name has the last", () => {
    const row = body([PgTypes.int4(1), PgTypes.int4(2), PgTypes.int4(3)])
    const fields = ["a", "b", "a"].map((name) => field(name, 23))
    for (const read of early(RowReader.objects(types, fields), row)) assert.deepStrictEqual(read, { a: 3, b: 2 })
    const proto = ["__proto__", "__proto__", "a"].map((name) => field(name, 23))
    for (const read of early(RowReader.objects(types, proto), row)) {
      assert.deepStrictEqual(Object.entries(read), [
        ["__proto__", 2],
        ["a", 3]
      ])
    }
  })

  it("of more columns than a function is made for is read", () => {
    const fields = Array.from({ length: 1600 }, (_, index) => field(`c${index}`, 23))
    const row = body(fields.map((_, index) => PgTypes.int4(index)))
    for (const read of early(RowReader.objects(types, fields), row)) assert.strictEqual(read["c1599"], 1599)
  })

  it("without columns is empty", () => {
    const row = body([])
    assert.deepStrictEqual(early(RowReader.objects(types, []), row), [{}, {}])
    assert.deepStrictEqual(early(RowReader.values(types, []), row), [[], []])
  })
})

describe("a row that is wrong", () => {
  const fields = [field("id", 23), field("at", 1184)]
  const good = body([PgTypes.int4(1), PgTypes.timestamptz(0)])
  const wrong = "a row has another length or number of columns than was announced"

  /** The error of the loop, and that of the function. */
  const errorsOf = <Row>(read: RowReader.ReadRow<Row>, row: ReturnType<typeof body>): ReadonlyArray<string> => {
    const first = message(() => read(row.bytes, row.offset, row.end))
    early(read, good)
    return [first, message(() => read(row.bytes, row.offset, row.end))]
  }

  const errors = (row: ReturnType<typeof body>): ReadonlyArray<string> => [
    ...errorsOf(RowReader.values(types, fields), row),
    ...errorsOf(RowReader.objects(types, fields), row)
  ]

  it("names the column of a value that cannot be read", () => {
    const expected = 'column "at": timestamptz has 8 bytes, and 4 came'
    assert.deepStrictEqual(new Set(errors(body([PgTypes.int4(1), PgTypes.int4(1)]))), new Set([expected]))
  })

  it("in its length or its number of columns is an error", () => {
    assert.deepStrictEqual(new Set(errors(body([PgTypes.int4(1)]))), new Set([wrong]))
    for (const change of [-1, 1, -9]) {
      assert.deepStrictEqual(new Set(errors({ ...good, end: good.end + change })), new Set([wrong]), String(change))
    }
  })

  it("does not spoil the ones after it", () => {
    const read = RowReader.objects(types, fields)
    for (let index = 0; index < many; index++) {
      message(() => read(good.bytes, good.offset, good.end - 1))
      assert.deepStrictEqual(read(good.bytes, good.offset, good.end), { id: 1, at: new Date(0) })
    }
  })
})

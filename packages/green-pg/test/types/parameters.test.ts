/** What a plain value is sent as. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PgRange, PgTypes } from "green-pg"
import * as ByteSink from "../support/ByteSink.ts"
import { read, text, types, write } from "../support/values.ts"

const { OID } = PgTypes

const message = (evaluate: () => unknown): string => {
  try {
    return `no error, but ${String(evaluate())}`
  } catch (error) {
    return error instanceof PgTypes.CodecError ? error.message : `no CodecError, but ${String(error)}`
  }
}

/** What is sent: the OID, and the value as it is read again; of text, the text. */
const sent = (value: unknown): readonly [oid: number, value: unknown] => {
  const parameter = types.parameter(value)
  if (parameter.value === null) return [parameter.oid, null]
  const bytes = write(parameter)
  return [parameter.oid, read(parameter.oid === 0 ? OID.text : parameter.oid, bytes)]
}

const when = new Date(1_600_000_000_123)

describe("a plain value has the type that @effect/sql-pg gives it", () => {
  const cases: ReadonlyArray<readonly [name: string, value: unknown, oid: number, value: unknown]> = [
    ["null", null, 0, null],
    ["undefined", undefined, 0, null],
    ["a boolean", true, OID.bool, true],
    ["a bigint", 5n, OID.int8, 5n],
    ["an integer", 5, OID.int4, 5],
    ["the least int4", -2147483648, OID.int4, -2147483648],
    ["an integer beyond int4", 2147483648, OID.int8, 2147483648n],
    ["the last safe integer", Number.MAX_SAFE_INTEGER, OID.int8, 9007199254740991n],
    ["an integer beyond the safe ones", 2 ** 60, OID.float8, 2 ** 60],
    ["a fraction", 1.5, OID.float8, 1.5],
    ["NaN", NaN, OID.float8, NaN],
    ["Infinity", Infinity, OID.float8, Infinity],
    ["-0, which an integer does not have", -0, OID.int4, 0],
    ["a string", "abc", 0, "abc"],
    ["a Date", when, OID.timestamptz, when],
    ["bytes", Uint8Array.of(1, 2), OID.bytea, Uint8Array.of(1, 2)],
    ["a Buffer", Buffer.from([1, 2]), OID.bytea, Uint8Array.of(1, 2)],
    ["an Int8Array", Int8Array.of(-1), OID.bytea, Uint8Array.of(255)],
    ["an empty array", [], 0, "{}"],
    ["an array of integers", [1, null, 3], OID.int4Array, [1, null, 3]],
    ["an array of strings", ["a", null], OID.textArray, ["a", null]],
    ["an array of booleans", [true], OID.boolArray, [true]],
    ["an array of dates", [when], OID.timestamptzArray, [when]],
    ["an array of bytes", [Uint8Array.of(1)], OID.byteaArray, [Uint8Array.of(1)]],
    [
      "an array of parameters",
      [PgTypes.uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), null],
      OID.uuidArray,
      ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", null]
    ]
  ]
  for (const [name, value, oid, expected] of cases) {
    it(name, () => assert.deepStrictEqual(sent(value), [oid, expected]))
  }
})

describe("and where sql-pg has none", () => {
  const cases: ReadonlyArray<readonly [name: string, value: unknown, oid: number, value: unknown]> = [
    ["an array of an undefined element", [1, undefined], OID.int4Array, [1, null]],
    ["an array of NULLs has the type that the server finds", [null, undefined], 0, "{NULL,NULL}"],
    ["also when it is nested", [[null], [null]], 0, "{{NULL},{NULL}}"],
    ["an array of empty arrays is empty", [[], []], 0, "{}"],
    [
      "a nested array",
      [
        [1, 2],
        [3, null]
      ],
      OID.int4Array,
      [
        [1, 2],
        [3, null]
      ]
    ],
    ["integers and fractions widen", [1, 2.5, 2147483648], OID.float8Array, [1, 2.5, 2147483648]],
    ["integers widen", [1, 2147483648], OID.int8Array, [1n, 2147483648n]],
    ["integers and bigints widen", [5n, 1], OID.int8Array, [5n, 1n]],
    [
      "nested arrays of JSON, wrapped",
      [[PgTypes.jsonb([1])], [PgTypes.jsonb({ a: 1 })]],
      OID.jsonbArray,
      [[[1]], [{ a: 1 }]]
    ],
    ["a range of integers", PgRange.make(1, 5), 3904, PgRange.make(1, 5)],
    ["a range of bigints", PgRange.make(1n, null), 3926, PgRange.make(1n, null)],
    ["a range of integers beyond int4", PgRange.make(1, 2147483648), 3926, PgRange.make(1n, 2147483648n)],
    ["a range of dates", PgRange.make(null, when, "()"), 3910, PgRange.make(null, when, "()")],
    ["an array of ranges", [PgRange.make(1, 5), PgRange.empty, null], 3905, [PgRange.make(1, 5), PgRange.empty, null]],
    [
      "a range of strings is text, as strings are",
      PgRange.make("2020-01-01", '"\\', "[]"),
      0,
      '["2020-01-01","\\"\\\\"]'
    ],
    ["a range of fractions", PgRange.make(1.5, 2), 0, "[1.5,2)"],
    ["the empty range", PgRange.empty, 0, "empty"],
    ["the range without bounds", PgRange.make(null, null), 0, "(,)"]
  ]
  for (const [name, value, oid, expected] of cases) {
    it(name, () => assert.deepStrictEqual(sent(value), [oid, expected]))
  }
})

describe("a value whose type nothing tells is an error that says what to do", () => {
  const wrap = "wrap it, as in PgTypes.jsonb(value) for JSON"
  const cases: ReadonlyArray<readonly [value: unknown, message: string]> = [
    [{ a: 1 }, "cannot infer a PostgreSQL type for an object of the class Object: " + wrap],
    [Object.create(null), "cannot infer a PostgreSQL type for an object of the class null: " + wrap],
    [new Map(), "cannot infer a PostgreSQL type for an object of the class Map: " + wrap],
    [() => 1, "cannot infer a PostgreSQL type for a function: " + wrap],
    [Symbol("s"), "cannot infer a PostgreSQL type for the symbol Symbol(s): " + wrap],
    [[{}], "cannot infer a PostgreSQL type for an object of the class Object: " + wrap],
    [
      [1, "a"],
      "cannot infer one type for the elements of the array, among them the number 1 and a string of 1 characters"
    ],
    [[1n, 1.5], "cannot infer one type for the elements of the array, among them the bigint 1 and the number 1.5"],
    [[PgTypes.int2(1), 70_000], "cannot infer one type for the elements of the array"],
    [
      PgRange.make<unknown>(when, 1),
      "cannot infer the type of a range from its bounds: wrap it, as in PgTypes.tsrange(range)"
    ],
    [
      [PgRange.make("a", "b")],
      "cannot infer the type of an array of ranges of text: wrap each, as in PgTypes.daterange(range)"
    ],
    [
      [PgRange.empty, null],
      "cannot infer the type of an array of ranges without bounds: wrap each, as in PgTypes.int4range(range)"
    ]
  ]
  for (const [value, expected] of cases) {
    it(expected, () =>
      assert.include(
        message(() => types.parameter(value)),
        expected
      )
    )
  }

  it("and which parameter it is", () => {
    const values = [1, {}]
    assert.include(
      message(() => values.map(types.parameter)),
      "parameter $2: cannot infer"
    )
  })
})

describe("a parameter", () => {
  it("with a type keeps it", () => {
    const parameter = PgTypes.int2(5)
    assert.strictEqual(types.parameter(parameter), parameter)
    assert.deepStrictEqual(write(parameter), Uint8Array.of(0, 5))
  })

  it("that is NULL is written as NULL", () => {
    for (const parameter of [PgTypes.int4(null), types.typed("int4", undefined), types.parameter(null)]) {
      const sink = ByteSink.make()
      types.write(sink, parameter)
      assert.isTrue(sink.isNull())
      assert.strictEqual(sink.bytes().length, 0)
    }
  })

  it("without a type is text, and nothing else", () => {
    assert.deepStrictEqual(sent({ ...PgTypes.int4(1), oid: 0, value: 12n }), [0, "12"])
    assert.include(
      message(() => write({ ...PgTypes.int4(1), oid: 0, value: {} })),
      "a parameter without a type takes a string, a number or a boolean, not an object of the class Object"
    )
  })

  it.effect.prop("of text is that text", [text], ([value]) =>
    Effect.sync(() => assert.deepStrictEqual(sent(value), [0, value]))
  )

  it("of text that PostgreSQL cannot hold is an error that names the parameter", () => {
    const cases = ["a\0", "\udc00", "\ud83c"]
    for (const value of cases) {
      const expected = value.includes("\0")
        ? "the string has the character U+0000 at 1"
        : "the string has a lone surrogate"
      assert.include(
        message(() => types.write(ByteSink.make(), types.parameter(value), 2)),
        `parameter $3: ${expected}`
      )
      assert.include(
        message(() => write(types.parameter([value]))),
        expected
      )
    }
  })

  it("has any type by its name, as SQL spells it", () => {
    for (const [name, oid] of [
      ["int4", 23],
      ["integer", 23],
      ["double precision[]", 1022],
      ["int4range[]", 3905],
      ["numeric[]", 1231],
      ['"char"', 18]
    ] as const) {
      assert.strictEqual(types.typed(name, null).oid, oid, name)
    }
    assert.strictEqual(
      message(() => types.typed("mood", "sad")),
      'no type "mood" is known: load it first'
    )
  })

  it("of ranges, multiranges and figures is made by a function of its name", () => {
    const parameters = [
      PgTypes.int4range(PgRange.make(1, 2)),
      PgTypes.int8range(PgRange.make(1n, 2n)),
      PgTypes.numrange(PgRange.make("1.5", null)),
      PgTypes.tsrange(PgRange.make(when, null)),
      PgTypes.tstzrange(PgRange.make(when, null)),
      PgTypes.daterange(PgRange.make("2020-01-01", null)),
      PgTypes.int4multirange([PgRange.make(1, 2)]),
      PgTypes.int8multirange([PgRange.make(1n, 2n)]),
      PgTypes.nummultirange([PgRange.make("1.5", null)]),
      PgTypes.tsmultirange([PgRange.make(when, null)]),
      PgTypes.tstzmultirange([PgRange.make(when, null)]),
      PgTypes.datemultirange([PgRange.make("2020-01-01", null)]),
      PgTypes.point({ x: 1, y: 2 }),
      PgTypes.line({ a: 1, b: 2, c: 3 }),
      PgTypes.lseg({ start: { x: 1, y: 2 }, end: { x: 3, y: 4 } }),
      PgTypes.box({ high: { x: 3, y: 4 }, low: { x: 1, y: 2 } }),
      PgTypes.path({ closed: true, points: [{ x: 1, y: 2 }] }),
      PgTypes.polygon({ points: [{ x: 1, y: 2 }] }),
      PgTypes.circle({ x: 1, y: 2, radius: 3 })
    ]
    for (const parameter of parameters) {
      assert.deepStrictEqual(read(parameter.oid, write(parameter)), parameter.value)
    }
  })
})

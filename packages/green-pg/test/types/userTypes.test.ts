/** The types of a database: as its catalog tells them, and as a user registers them. */
import { assert, describe, it } from "@effect/vitest"
import * as SqlPg from "@effect/sql-pg/PgTypes"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { PgRange, PgTypes } from "green-pg"
import { integer, orNull, range, read, roundTrip, scalars, text, write } from "../support/values.ts"

const message = (evaluate: () => unknown): string => {
  try {
    return `no error, but ${String(evaluate())}`
  } catch (error) {
    return error instanceof PgTypes.CodecError ? error.message : `no CodecError, but ${String(error)}`
  }
}

/** A row of the catalog, of which a test tells what matters. */
const row = (oid: number, name: string, rest: Partial<PgTypes.CatalogRow>): PgTypes.CatalogRow => ({
  name,
  names: [],
  oid,
  kind: "b",
  arrayOid: 0,
  innerOid: 0,
  send: "",
  attributeNames: [],
  attributeOids: [],
  ...rest
})

const array = (oid: number, name: string, innerOid: number) => row(oid, `${name}[]`, { innerOid, send: "array_send" })

/** An enum, a composite with a composite and arrays in it, domains, a range, extensions. */
const catalog: ReadonlyArray<PgTypes.CatalogRow> = [
  row(20_000, "mood", { kind: "e", arrayOid: 20_001, names: ["public.mood"] }),
  array(20_001, "mood", 20_000),
  row(20_010, "address", {
    kind: "c",
    arrayOid: 20_011,
    attributeNames: ["street", "__proto__", "numbers"],
    attributeOids: [25, 23, 1231]
  }),
  array(20_011, "address", 20_010),
  row(20_020, "person", {
    kind: "c",
    arrayOid: 20_021,
    attributeNames: ["id", "mood", "home", "others", "age"],
    attributeOids: [20, 20_000, 20_010, 20_011, 20_030]
  }),
  array(20_021, "person", 20_020),
  row(20_030, "age", { kind: "d", innerOid: 20_040, arrayOid: 20_031 }),
  array(20_031, "age", 20_030),
  row(20_040, "positive", { kind: "d", innerOid: 21 }),
  row(20_050, "floats", { kind: "r", innerOid: 701, arrayOid: 20_051 }),
  array(20_051, "floats", 20_050),
  row(20_052, "floatses", { kind: "m", innerOid: 20_050, arrayOid: 20_053 }),
  array(20_053, "floatses", 20_052),
  row(20_060, "hstore", { send: "hstore_send", arrayOid: 20_061 }),
  array(20_061, "hstore", 20_060),
  row(20_070, "citext", { send: "citextsend" }),
  row(20_080, "ltree", { send: "ltree_send" }),
  row(20_090, "geometry", { send: "geometry_send" }),
  row(20_100, "documents", { kind: "d", innerOid: 3802, arrayOid: 20_101 }),
  array(20_101, "documents", 20_100)
]

const types = PgTypes.make()
types.load(catalog)

/** An object with the key `__proto__` is made from entries. */
const address = Arbitrary.map(
  Arbitrary.all([
    orNull(text),
    orNull(Arbitrary.schema(Schema.Literals([1, -5]))),
    orNull(Arbitrary.array(Arbitrary.schema(Schema.Literals(["1.50", "NaN"]))))
  ]),
  ([street, proto, numbers]) =>
    Object.fromEntries([
      ["street", street],
      ["__proto__", proto],
      ["numbers", numbers]
    ])
)

const mood = Arbitrary.schema(Schema.Literals(["sad", "ok", "happy"]))
const float = Arbitrary.schema(Schema.Finite)

const person = Arbitrary.map(
  Arbitrary.all([
    orNull(mood),
    orNull(address),
    orNull(Arbitrary.array(orNull(address), { maxLength: 3 })),
    orNull(Arbitrary.schema(Schema.Literals([1, 32_767])))
  ]),
  ([mood, home, others, age]) => ({ id: 9223372036854775807n, mood, home, others, age })
)

const hstore = Arbitrary.map(Arbitrary.array(Arbitrary.all([text, orNull(text)]), { maxLength: 4 }), (entries) =>
  Object.fromEntries([...entries, ["__proto__", "a"]])
)

describe("a loaded type comes back as it was sent", () => {
  const cases: ReadonlyArray<readonly [name: string, values: Arbitrary.Arbitrary<unknown>]> = [
    ["mood", mood],
    ["public.mood", mood],
    ["mood[]", Arbitrary.array(orNull(mood))],
    ["address", address],
    ["person", person],
    ["person[]", Arbitrary.array(orNull(person), { maxLength: 3 })],
    ["age", Arbitrary.schema(Schema.Literals([1, 2]))],
    ["age[]", Arbitrary.array(orNull(Arbitrary.schema(Schema.Literals([1, 2]))))],
    ["floats", range(float)],
    ["floats[]", Arbitrary.array(orNull(range(float)))],
    ["floatses", Arbitrary.array(range(float))],
    ["floatses[]", Arbitrary.array(orNull(Arbitrary.array(range(float))))],
    ["hstore", hstore],
    ["hstore[]", Arbitrary.array(orNull(hstore), { maxLength: 3 })],
    ["citext", text],
    ["ltree", text],
    ["geometry", Arbitrary.map(text, (text) => new TextEncoder().encode(text))],
    ["documents[]", Arbitrary.array(Arbitrary.array(integer(-9, 9)))]
  ]
  for (const [name, values] of cases) {
    it.effect.prop(name, [values], ([value]) =>
      Effect.sync(() => assert.deepStrictEqual(roundTrip(name, value, types), value))
    )
  }

  it.effect.prop("an attribute of any type", [Arbitrary.all(scalars.map(({ values }) => orNull(values)))], ([values]) =>
    Effect.sync(() => {
      const types = PgTypes.make()
      const names = scalars.map(({ name }) => name)
      const oids = names.map((name) => types.typed(name, null).oid)
      types.load([row(30_000, "wide", { kind: "c", attributeNames: names, attributeOids: oids })])
      const value = Object.fromEntries(names.map((name, index) => [name, values[index]]))
      const parameter = types.typed("wide", value)
      assert.deepStrictEqual(read(30_000, write(parameter, types), types), value)
      // as a record without a name it is an array
      assert.deepStrictEqual(read(2249, write(parameter, types), types), values)
    })
  )
})

describe("a composite", () => {
  const home = { street: "Elm", numbers: null }

  it("without an attribute has NULL there", () => {
    const written = Object.fromEntries([
      ["street", "Elm"],
      ["__proto__", null],
      ["numbers", null]
    ])
    assert.deepStrictEqual(roundTrip("address", home, types), written)
  })

  it("with a key that is no attribute is an error that names it", () => {
    assert.strictEqual(
      message(() => write(types.typed("address", { stret: "Elm" }), types)),
      'address has no attribute "stret": it has street, __proto__, numbers'
    )
  })

  it("with a value that does not fit names the attribute", () => {
    assert.strictEqual(
      message(() => write(types.typed("person", { home: { street: 5 } }), types)),
      'attribute "home": attribute "street": text takes a string, not the number 5'
    )
  })

  it("that has other attributes than when it was loaded is an error", () => {
    const bytes = write(types.typed("address", home), types)
    assert.strictEqual(
      message(() => read(20_020, bytes, types)),
      "person has 3 attributes, and had 5 when it was loaded: load it again"
    )
  })

  it("is an object, and nothing else", () => {
    assert.include(
      message(() => write(types.typed("address", ["Elm"]), types)),
      "address takes an object, not an array"
    )
  })
})

describe("loading", () => {
  it("names of which there are no types is an error that names all of them", () => {
    const missing = (name: string): PgTypes.CatalogRow => ({ ...row(0, name, { kind: "" }), oid: null })
    assert.strictEqual(
      message(() => types.load([missing("nope"), row(1, "x", {}), missing('a."B"')])),
      'there is no type "nope", "a.\\"B\\"": see the name, its schema and the search_path'
    )
  })

  it("again takes what was altered, and readers made before do not know of it", () => {
    const types = PgTypes.make()
    const field = { name: "v", typeOid: 20_000, typeModifier: -1, tableOid: 0, columnNumber: 0 }
    const before = types.revision()
    types.load([row(20_000, "t", { kind: "e" })])
    assert.isAbove(types.revision(), before)
    const old = types.reader([field])
    types.load([row(20_000, "t", { send: "unheard_of" })])
    assert.strictEqual(old(Uint8Array.of(97), 0, 1, 0), "a")
    assert.deepStrictEqual(types.reader([field])(Uint8Array.of(97), 0, 1, 0), Uint8Array.of(97))
  })

  it("of one client is not of others, and never changes what is built in", () => {
    types.load([row(23, "int4", { send: "unheard_of" })])
    assert.strictEqual(roundTrip("int4", 5, types), 5)
    assert.include(
      message(() => PgTypes.make().typed("mood", "sad")),
      'no type "mood" is known'
    )
  })

  it("is for the types that columns have and nobody knows", () => {
    const fields = [23, 50_000, 20_000, 50_000].map((typeOid) => ({
      name: "a",
      typeOid,
      typeModifier: -1,
      tableOid: 0,
      columnNumber: 0
    }))
    assert.deepStrictEqual(types.unknown(fields), ["50000"])
  })

  it("makes arrays of an inferred type", () => {
    assert.strictEqual(types.parameter([types.typed("mood", "sad"), null]).oid, 20_001)
  })
})

describe("a codec of a user", () => {
  const upper: PgTypes.Codec<string> = {
    encode: (value) => Result.succeed(new TextEncoder().encode(value.toLowerCase())),
    decode: (bytes) => Result.succeed(new TextDecoder().decode(bytes).toUpperCase())
  }
  const vector: PgTypes.Codec<ReadonlyArray<number>> = {
    encode: (value) => Result.succeed(Uint8Array.from(value)),
    decode: (bytes) => Result.succeed([...bytes]),
    read: (bytes, offset, size) => Result.succeed([...bytes.subarray(offset, offset + size)]),
    write: (sink, value) => Result.succeed(sink.raw(Uint8Array.from(value)))
  }

  it("goes before what is built in, in arrays and ranges too", () => {
    const types = PgTypes.make()
    types.register(25, upper)
    assert.deepStrictEqual(roundTrip("text[]", ["Abc"], types), ["ABC"])
    const millis: PgTypes.Codec<number> = {
      encode: (value) => Result.succeed(Uint8Array.of(value)),
      decode: (bytes) => Result.succeed(bytes[0] ?? 0)
    }
    types.register(PgTypes.OID.timestamptz, millis)
    assert.deepStrictEqual(roundTrip("tstzrange", PgRange.make(1, 2), types), PgRange.make(1, 2))
  })

  it("of the module of @effect/sql-pg is none of ours", () => {
    SqlPg.register(PgTypes.OID.uuid, upper)
    try {
      const uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
      assert.strictEqual(roundTrip("uuid", uuid, PgTypes.make()), uuid)
    } finally {
      SqlPg.unregister(PgTypes.OID.uuid)
    }
  })

  it("goes before what is loaded", () => {
    const types = PgTypes.make()
    types.register(20_000, upper)
    types.load(catalog)
    assert.strictEqual(roundTrip("mood", "Sad", types), "SAD")
  })

  it("has arrays, of which the values may be arrays", () => {
    const types = PgTypes.make()
    types.register(40_000, vector, { arrayOid: 40_001, arrayValued: true })
    const parameter = { ...PgTypes.int4(1), oid: 40_001, value: [[1, 2], null, [3]] }
    assert.deepStrictEqual(read(40_001, write(parameter, types), types), [[1, 2], null, [3]])
  })

  it("may fail or throw: the error is typed, and names the place", () => {
    const types = PgTypes.make()
    types.register(40_000, {
      encode: () => Result.fail(new PgTypes.CodecError({ message: "never" })),
      decode: (): Result.Result<string, PgTypes.CodecError> => {
        throw new RangeError("thrown")
      }
    })
    const field = { name: "v", typeOid: 40_000, typeModifier: -1, tableOid: 0, columnNumber: 0 }
    assert.strictEqual(
      message(() => types.reader([field])(new Uint8Array(1), 0, 1, 0)),
      'column "v": thrown'
    )
    assert.strictEqual(
      message(() => write({ ...PgTypes.int4(1), oid: 40_000 }, types)),
      "never"
    )
  })
})

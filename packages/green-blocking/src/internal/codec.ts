/**
 * How the values of operations go between threads: what a schema encodes to if that can be cloned as it is, with its
 * bytes, dates and maps; the JSON of the schema otherwise.
 *
 * A value is checked once, by the side that receives it: what a schema does not change is sent without being encoded.
 */
import { identity } from "effect/Function"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** Turns values into what is sent. Throws what the schema refuses them with. */
export const sender = (schema: Schema.Top): ((value: unknown) => unknown) => {
  const { asItIs, sent } = plan(schema)
  return asItIs ? identity : Schema.encodeUnknownSync(sent)
}

/** As `sender`, for what this side checks: it throws for what the other side would refuse. */
export const checkedSender = (schema: Schema.Top): ((value: unknown) => unknown) =>
  Schema.encodeUnknownSync(plan(schema).sent)

/** Of a stream: turns elements into what is sent, together. */
export const chunkSender = (schema: Schema.Top): ((values: ReadonlyArray<unknown>) => ReadonlyArray<unknown>) => {
  const send = sender(schema)
  return send === identity ? identity : (values) => values.map((value) => send(value))
}

/** As `sender`, for what is not made yet: what the schema has defaults for may be left out. */
export const makerAndSender = (schema: Schema.Top): ((given: unknown) => unknown) => {
  const { asItIs, sent } = plan(schema)
  if (asItIs) return identity
  const encode = Schema.encodeUnknownSync(sent)
  return (given) => encode(schema.make(given))
}

/** Turns what was received into values. Throws what the schema refuses it with. */
export const receiver = (schema: Schema.Top): ((value: unknown) => unknown) =>
  Schema.decodeUnknownSync(plan(schema).sent)

/** As `receiver`, of a schema whose type is known. */
export const typedReceiver = <A>(schema: Schema.Codec<A, unknown>): ((value: unknown) => A) => {
  const receive = receiver(schema)
  if (gives<A>(receive)) return receive
  throw new Error("unreachable")
}

/** What a plan sends is decoded to what its schema is of; the types of `plan` forget that. */
const gives = <A>(_receive: (value: unknown) => unknown): _receive is (value: unknown) => A => true

/** Of a stream: turns the elements that were received together into values. */
export const chunkReceiver = (schema: Schema.Top): ((values: unknown) => ReadonlyArray<unknown>) => {
  const receive = receiver(schema)
  return (values) => (Array.isArray(values) ? values.map(receive) : [])
}

interface Plan {
  /** What to encode and decode with. */
  readonly sent: Schema.Codec<unknown, unknown>
  /** Whether a value is sent as it is. */
  readonly asItIs: boolean
}

const plans = new WeakMap<Schema.Top, Plan>()

const plan = (schema: Schema.Top): Plan => {
  const known = plans.get(schema)
  if (known !== undefined) return known
  const encoded = SchemaAST.toEncoded(schema.ast)
  const isNative = canBeCloned(encoded, new Set())
  const sent = isNative ? schema : Schema.toCodecJson(schema)
  if (!needsNoServices(sent)) throw new Error("unreachable")
  const made = { sent, asItIs: isNative && encoded === schema.ast && !hasDefaults(schema.ast, new Set()) }
  plans.set(schema, made)
  return made
}

/** What a schema needs is part of its type, and those who take groups of operations refuse such types. */
const needsNoServices = (_schema: Schema.Constraint): _schema is Schema.Codec<unknown, unknown> => true

/** Classes that the algorithm of structured cloning knows. */
const native = new Set<unknown>([
  "effect/schema/Date",
  "effect/schema/RegExp",
  "effect/schema/Uint8Array",
  "effect/schema/ReadonlyMap",
  "effect/schema/ReadonlySet"
])

const idOf = (ast: SchemaAST.Declaration): unknown => {
  const representation = ast.annotations?.["representation"]
  return hasProperty(representation, "id") ? representation.id : undefined
}

const canBeCloned = (ast: SchemaAST.AST, above: Set<SchemaAST.AST>): boolean => {
  switch (ast._tag) {
    case "Declaration":
      return native.has(idOf(ast)) && everyPart(ast, above, canBeCloned)
    case "Symbol":
    case "UniqueSymbol":
      return false
    default:
      return everyPart(ast, above, canBeCloned)
  }
}

const hasDefaults = (ast: SchemaAST.AST, above: Set<SchemaAST.AST>): boolean =>
  ast.context?.constructorDefault !== undefined || !everyPart(ast, above, (part, seen) => !hasDefaults(part, seen))

/** Whether it holds of all that a node consists of. A recursive schema is walked once. */
const everyPart = (
  ast: SchemaAST.AST,
  above: Set<SchemaAST.AST>,
  holds: (part: SchemaAST.AST, above: Set<SchemaAST.AST>) => boolean
): boolean => {
  if (above.has(ast)) return true
  above.add(ast)
  return partsOf(ast).every((part) => holds(part, above))
}

const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Objects":
      return [
        ...ast.propertySignatures.map((property) => property.type),
        ...ast.indexSignatures.flatMap((index) => [index.parameter, index.type])
      ]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

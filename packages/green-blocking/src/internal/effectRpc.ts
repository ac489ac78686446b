/**
 * The one place that imports effect/rpc: what this package knows of a group of operations.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { RequestId } from "effect/rpc/RpcMessage"
import * as RpcSchema from "effect/rpc/RpcSchema"
import type { Headers } from "./effectHttp.ts"

/** Refuses, as a parameter that nobody can give, schemas that need services. */
export type NoServices<Services> = [Services] extends [never]
  ? []
  : [mistake: { readonly mistake: "the schemas of these operations need services, and blocking code has none" }]

export { Rpc }
export type { RpcGroup }

/** An operation of a group, whatever its types. */
export interface Operation {
  readonly name: string
  readonly rpc: Rpc.AnyWithProps
  readonly payload: Schema.Top
  /** Of a stream: of its elements. */
  readonly success: Schema.Top
  /** All typed errors: its own, those of its stream, those of its middleware. */
  readonly failure: Schema.Top
  readonly isStream: boolean
}

export const operationsOf = <R extends Rpc.Any>(group: RpcGroup.RpcGroup<R>): ReadonlyMap<string, Operation> => {
  const operations = new Map<string, Operation>()
  for (const [name, rpc] of group.requests) if (hasSchemas(rpc)) operations.set(name, operationOf(name, rpc))
  return operations
}

const operationOf = (name: string, rpc: Rpc.AnyWithProps): Operation => {
  const { successSchema } = rpc
  const isStream = RpcSchema.isStreamSchema(successSchema)
  const success = isStream ? successSchema.success : successSchema
  return { name, rpc, payload: rpc.payloadSchema, success, failure: errorOf(rpc), isStream }
}

const errorOf = (rpc: Rpc.AnyWithProps): Schema.Top => {
  const { error } = Rpc.exitSchema(rpc)
  return isWhole(error) ? error : Schema.Never
}

/** Every schema is; the type of an exit schema's part forgets it. */
const isWhole = (schema: Schema.Constraint): schema is Schema.Top => Schema.isSchema(schema)

/** All that `Rpc.make` makes has them; the types of a group forget it. */
const hasSchemas = (rpc: Rpc.Any): rpc is Rpc.AnyWithProps => "payloadSchema" in rpc

/** The handler of an operation, as a layer of its group has it. */
export const handlerOf = (context: Context.Context<never>, { rpc }: Operation): Rpc.Handler<string> | undefined =>
  Context.getOrUndefined(context, Context.Service<Rpc.Handler<string>, Rpc.Handler<string>>(rpc.key))

export const requestId = (request: number): RequestId => RequestId(request)

/** What a handler and a middleware are told of a request. */
export interface RequestOptions {
  readonly client: Rpc.ServerClient
  readonly requestId: RequestId
  readonly headers: Headers
  readonly rpc: Rpc.AnyWithProps
  readonly payload: unknown
}

/** Wraps what a handler performs in the middleware of its operation, outwards in the order of declaration. */
export const withMiddleware = (
  performed: Effect.Effect<unknown, unknown, Scope.Scope>,
  services: Context.Context<never>,
  options: RequestOptions
): Effect.Effect<unknown, unknown, Scope.Scope> => {
  let wrapped: Effect.Effect<any, any, any> = performed
  for (const middleware of options.rpc.middlewares) {
    wrapped = Context.getUnsafe(services, middleware)(wrapped, options)
  }
  return wrapped
}

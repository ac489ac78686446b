/**
 * A reference whose value goes along with jobs into their threads.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Schema from "effect/Schema"

/**
 * A `Context.Reference`, with the schema by which its value is sent: see `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedReference<A> extends AnySharedReference {
  readonly reference: Context.Reference<A>
  readonly schema: Schema.Codec<A, unknown>
}

/**
 * A shared reference of any type.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnySharedReference {
  /** The key of the reference: the same in both threads. */
  readonly key: string
  readonly schema: Schema.Top
}

/**
 * Pairs a reference with a schema, so that jobs see the value that it has for their caller. Name it in the options of the
 * pool, as one of `references`; a job gets it by `performing.get`, a program by `performed(group, { references })`.
 *
 * What goes is what the schema encodes it to. A job whose caller has a value that the schema refuses, or that cannot go
 * to another thread, fails with a `JobError` with `InvalidReference`. Where the caller has no value of its own, the job
 * has the reference's default.
 *
 * @example
 * ```ts locale.ts
 * import * as Context from "effect/Context"
 * import * as Schema from "effect/Schema"
 * import { SharedReference } from "green-blocking"
 *
 * export const Locale = Context.Reference<string>("app/Locale", { defaultValue: () => "en" })
 * export const SharedLocale = SharedReference.make(Locale, Schema.String)
 * ```
 *
 * @example
 * ```ts greet.ts
 * import { performing } from "green-blocking/worker"
 * import { SharedLocale } from "./locale.ts"
 *
 * export const greet = (): string => (performing.get(SharedLocale) === "it" ? "ciao" : "hello")
 * ```
 *
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import { green, GreenWorkers } from "green-blocking"
 * import { Locale, SharedLocale } from "./locale.ts"
 *
 * const greet = green(() => import("./greet.ts"), new URL("./greet.ts", import.meta.url), "greet")
 * const Workers = GreenWorkers.layer(RpcGroup.make(), { references: [SharedLocale] })
 *
 * const program = Effect.all([greet(), Effect.provideService(greet(), Locale, "it")])
 * assert.deepStrictEqual(await Effect.runPromise(program.pipe(Effect.provide(Workers))), ["hello", "ciao"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(reference: Context.Reference<A>, schema: Schema.Codec<A, unknown>): SharedReference<A> => ({
  key: reference.key,
  reference,
  schema
})

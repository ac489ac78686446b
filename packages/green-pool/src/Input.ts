/**
 * What `map`, `imap` and `imapUnordered` read their items from.
 *
 * @since 0.1.0
 */
import type * as Stream from "effect/Stream"
import type { SourceError } from "./PoolError.ts"

/**
 * An array, an iterable, an async iterable, or a Stream.
 *
 * @category models
 * @since 0.1.0
 */
export type Input = Iterable<unknown> | AsyncIterable<unknown> | Stream.Stream<unknown, unknown, unknown>

/**
 * The items of an input.
 *
 * @category models
 * @since 0.1.0
 */
export type Item<In> =
  In extends Stream.Stream<infer A, infer _E, infer _R>
    ? A
    : In extends Iterable<infer A>
      ? A
      : In extends AsyncIterable<infer A>
        ? A
        : never

/**
 * What reading the input may fail with: the stream's own errors; `SourceError` if an iterable throws, which an array
 * does not.
 *
 * @category models
 * @since 0.1.0
 */
export type InputError<In> =
  In extends Stream.Stream<infer _A, infer E, infer _R> ? E : In extends ReadonlyArray<unknown> ? never : SourceError

/**
 * What reading the input requires.
 *
 * @category models
 * @since 0.1.0
 */
export type InputServices<In> = In extends Stream.Stream<infer _A, infer _E, infer R> ? R : never

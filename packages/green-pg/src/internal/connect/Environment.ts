/**
 * What the options of a connection are read with: the functions of libpq that know its keywords, and the lookup of
 * names. Given by whoever has bound libpq, and by tests.
 */
import type * as Effect from "effect/Effect"
import type { UnresolvedHost } from "../../ConnectOptions.ts"

export interface ConnectEnvironment<R> {
  /** `PQconninfoParse`: the keywords that have a value. Throws an error with libpq's message. */
  readonly parse: (conninfo: string) => Readonly<Record<string, string>>
  /**
   * `PQconnectStartParams(keywords, values, 0)`, then `PQconninfo`, then `PQfinish`: every keyword that this libpq
   * knows, with the value that it would use, or `undefined` or `""` where it has none.
   *
   * It is called with an `sslmode` that does not exist, so that libpq reads service file and environment, refuses, and
   * opens nothing.
   */
  readonly settings: (
    keywords: ReadonlyArray<string>,
    values: ReadonlyArray<string>
  ) => Readonly<Record<string, string | undefined>>
  /** The addresses of a name; `undefined` if only libpq can look it up here, which blocks the thread. */
  readonly lookup: (name: string) => Effect.Effect<ReadonlyArray<string> | undefined, UnresolvedHost, R>
}

/**
 * The declared errors of a job: what it threw, as the instance that it was in its thread.
 */
import type * as Schema from "effect/Schema"
import { receiver } from "./codec.ts"
import { joinStacks } from "./thrown.ts"
import type { Thrown } from "./wire.ts"

/** Gives the declared error that something thrown is, with the stack of the worker, or `undefined` when it is none. */
export const errorDecoder = (
  schema: Schema.Top | undefined,
  job: string
): ((thrown: Thrown) => { readonly error: unknown } | undefined) => {
  if (schema === undefined) return () => undefined
  // Each alone, since each is encoded alone: of a union, all members would have to be cloneable as they are.
  const receivers = membersOf(schema).map(receiver)
  return (thrown) => {
    for (const encoded of readings(thrown)) {
      for (const receive of receivers) {
        try {
          const error = receive(encoded)
          if (thrown.error && error instanceof Error) restore(error, thrown.stack, job)
          return { error }
        } catch {
          // None of this one.
        }
      }
    }
    return undefined
  }
}

/**
 * What was thrown, as a schema may know it. An error that nothing has encoded in its thread, for the job performs no
 * operations, keeps the fields apart that every error has: a class may have declared them.
 */
const readings = (thrown: Thrown): ReadonlyArray<unknown> => {
  if (!thrown.error) return [thrown.value]
  const { fields, message, name } = thrown
  return [fields, { message, ...fields }, { name, message, ...fields }]
}

const membersOf = (schema: Schema.Top): ReadonlyArray<Schema.Top> =>
  isUnion(schema) ? schema.members.flatMap(membersOf) : [schema]

const isUnion = (schema: Schema.Top): schema is Schema.Union<ReadonlyArray<Schema.Top>> => "members" in schema

const restore = (error: Error, stack: string | undefined, job: string): void => {
  Object.defineProperty(error, "stack", {
    value: joinStacks(stack, placeOf(job), undefined),
    writable: true,
    enumerable: false,
    configurable: true
  })
}

/** The line below the stack of what a job threw. */
export const placeOf = (job: string): string => `${job} (a job in a worker thread)`

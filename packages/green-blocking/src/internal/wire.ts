/**
 * What the two threads say to each other: the words of memory that they share, and the messages of their port.
 *
 * Both sides import it, and it imports nothing: the runtime of a worker loads no Effect.
 */

/** The words of the control buffer. */
export const Word = {
  /** Counted up by the host after every message and interruption: a blocked thread waits for it to change. */
  wake: 0,
  /** The number of the job that is interrupted. A number, so that it needs no clearing: it means no other job. */
  interrupted: 1
} as const

export const wordCount = 2

/** What the host sends. */
export type ToWorker =
  | readonly [
      kind: typeof ToWorker.job,
      job: number,
      url: string,
      name: string,
      args: ReadonlyArray<unknown>,
      context: JobContext | undefined
    ]
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: Outcome, value: unknown, stack: string | undefined]
export const ToWorker = { job: 0, reply: 1 } as const

/** How an operation ended. */
export type Outcome = (typeof Outcome)[keyof typeof Outcome]
export const Outcome = {
  success: 0,
  /** The typed error, encoded, with the stack that it had on the host. */
  failure: 1,
  /** A defect of the handler, as a `Thrown`. */
  defect: 2,
  /** The handler interrupted itself. */
  interrupted: 3,
  /** The end of a stream. */
  end: 4,
  /** The host does not perform it, and says why, as a `Refusal`. */
  refused: 5
} as const

/** Why the host did not perform an operation. */
export type Refusal =
  | { readonly _tag: "NotHandled" }
  | { readonly _tag: "InvalidPayload"; readonly problem: string }
  | { readonly _tag: "InvalidResult"; readonly problem: string }
  | { readonly _tag: "Asynchronous" }

/** What a worker sends. */
export type ToHost =
  | readonly [kind: typeof ToHost.request, request: number, operation: string, payload: unknown, span: number]
  | readonly [kind: typeof ToHost.pull, request: number]
  | readonly [kind: typeof ToHost.cancel, request: number]
  | readonly [kind: typeof ToHost.log, entry: LogEntry]
  | readonly [kind: typeof ToHost.spanStart, span: SpanStart]
  | readonly [kind: typeof ToHost.spanEvent, span: number, name: string, time: bigint, attributes: Attributes]
  | readonly [kind: typeof ToHost.spanAttribute, span: number, key: string, value: unknown]
  | readonly [kind: typeof ToHost.spanEnd, span: number, time: bigint, failure: Thrown | undefined]
  | readonly [kind: typeof ToHost.done, job: number, ending: Ending, value: unknown]
export const ToHost = {
  request: 0,
  pull: 1,
  cancel: 2,
  log: 3,
  spanStart: 4,
  spanEvent: 5,
  spanAttribute: 6,
  spanEnd: 7,
  done: 8
} as const

/** How a job ended. */
export type Ending = (typeof Ending)[keyof typeof Ending]
export const Ending = {
  success: 0,
  /** It threw a `Thrown`. */
  thrown: 1,
  /** The module could not be loaded: a `Thrown`. */
  notLoaded: 2,
  /** There is no such function: the names of those that there are. */
  notExported: 3,
  /** It returned a promise. */
  promise: 4,
  /** What it returned cannot be cloned: a `NotCloneableAt`. */
  notCloneable: 5,
  /** It saw that it is interrupted. */
  interrupted: 6
} as const

/** What of the caller's context a job is given. What is empty is left out. */
export interface JobContext {
  readonly span?: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }
  readonly annotations?: Attributes
  /** The declared references that have a value of the caller's own, encoded, by key. */
  readonly references?: Readonly<Record<string, unknown>>
}

/** By name, each something that can be cloned. */
export type Attributes = Readonly<Record<string, unknown>>

/** What is logged in a worker. */
export interface LogEntry {
  /** A level of Effect's. */
  readonly level: string
  /** What can be cloned, and the text of what cannot. */
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Attributes
  /** The labels of log spans and when they began, in milliseconds since 1970. */
  readonly logSpans: ReadonlyArray<readonly [label: string, start: number]>
  /** The cause of a failure, if one is logged. */
  readonly cause: Thrown | undefined
  /** The span in which it was logged: 0 is that of the caller. */
  readonly span: number
}

/** A span that begins in a worker. Numbers are the worker's own; 0 is the span of the caller. */
export interface SpanStart {
  readonly span: number
  readonly parent: number
  readonly root: boolean
  readonly name: string
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer"
  readonly sampled: boolean
  /** In nanoseconds since 1970. */
  readonly time: bigint
  readonly attributes: Attributes
}

/** Something thrown, as it goes from one thread to the other. */
export type Thrown =
  | {
      readonly error: true
      readonly name: string
      readonly message: string
      readonly stack: string | undefined
      /** The own fields, or what the class encodes them to if it is a Schema. What cannot be cloned is left out. */
      readonly fields: Attributes
      readonly cause: Thrown | undefined
    }
  | { readonly error: false; readonly value: unknown }

/** The place of a value that cannot be cloned. */
export interface NotCloneableAt {
  /** From the value that was to be sent: `""` for itself, `[0].at.name` for what lies inside. */
  readonly path: string
  /** What it is, and why it cannot be sent. */
  readonly problem: string
}

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
  interrupted: 1,
  /** 1 when the thread has started, and takes jobs. */
  started: 2
} as const

export const wordCount = 3

/** What the host sends. */
export type ToWorker = StartJob | Reply
export const ToWorker = { job: 0, reply: 1 } as const

export type StartJob = readonly [
  kind: typeof ToWorker.job,
  job: number,
  /** A number that this thread knows the module by. */
  module: number,
  /** Its URL, the first time. */
  url: string | undefined,
  name: string,
  args: ReadonlyArray<unknown>,
  context: JobContext | undefined
]

/** How an operation ended. */
export type Reply =
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: typeof Outcome.success, value: unknown]
  | readonly [
      kind: typeof ToWorker.reply,
      request: number,
      outcome: typeof Outcome.failure,
      /** The typed error, encoded. */
      value: unknown,
      /** The stack that it had on the host. */
      stack: string | undefined
    ]
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: typeof Outcome.defect, defect: Thrown]
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: typeof Outcome.interrupted]
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: typeof Outcome.end]
  | readonly [kind: typeof ToWorker.reply, request: number, outcome: typeof Outcome.refused, refusal: Refusal]
export const Outcome = {
  success: 0,
  failure: 1,
  /** The handler died. */
  defect: 2,
  /** The handler interrupted itself. */
  interrupted: 3,
  /** Of a stream: there is no more of it. */
  end: 4,
  /** The host did not perform it. */
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
  | readonly [kind: typeof ToHost.spanLinks, span: number, links: ReadonlyArray<Link>]
  | readonly [kind: typeof ToHost.spanEnd, span: number, time: bigint, failure: ReadonlyArray<Reason>]
  | Done
  | Returned
export const ToHost = {
  request: 0,
  pull: 1,
  cancel: 2,
  log: 3,
  spanStart: 4,
  spanEvent: 5,
  spanAttribute: 6,
  spanLinks: 7,
  spanEnd: 8,
  done: 9,
  returned: 10
} as const

/** A job that has not begun, with its arguments: its thread ends, for something that an earlier job has left behind. */
export type Returned = readonly [kind: typeof ToHost.returned, args: ReadonlyArray<unknown>]

/** How a job ended. */
export type Done =
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.success, result: unknown]
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.threw, thrown: Thrown]
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.notLoaded, thrown: Thrown]
  | readonly [
      kind: typeof ToHost.done,
      job: number,
      ending: typeof Ending.notExported,
      /** The functions that the module does export. */
      functions: ReadonlyArray<string>
    ]
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.promise]
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.notCloneable, place: NotCloneableAt]
  | readonly [kind: typeof ToHost.done, job: number, ending: typeof Ending.interrupted]
export const Ending = {
  success: 0,
  threw: 1,
  /** Its module could not be loaded. */
  notLoaded: 2,
  /** Its module exports no such function. */
  notExported: 3,
  /** It returned a promise. */
  promise: 4,
  /** What it returned cannot be cloned. */
  notCloneable: 5,
  /** It had not begun when it was interrupted. */
  interrupted: 6
} as const

/** What of the caller's context a job is given. What is empty is left out. */
export interface JobContext {
  readonly span?: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }
  readonly annotations?: Attributes
  /** The least level that is logged. */
  readonly minimumLogLevel?: string
  /** The declared references that have a value of the caller's own, encoded, by key. */
  readonly references?: Readonly<Record<string, unknown>>
}

/** By name, each something that can be cloned. */
export type Attributes = Readonly<Record<string, unknown>>

/** Why something failed: as a Cause of Effect's has its reasons. */
export type Reason =
  | { readonly _tag: "Fail" | "Die"; readonly thrown: Thrown }
  | { readonly _tag: "Interrupt"; readonly fiber: number | undefined }

/** What is logged in a worker. */
export interface LogEntry {
  /** A level of Effect's: that of the caller if none is said. */
  readonly level: string | undefined
  readonly message: ReadonlyArray<Thrown>
  /** Those that are not the caller's. */
  readonly annotations: Attributes
  /** The labels of log spans and when they began, in milliseconds since 1970. */
  readonly logSpans: ReadonlyArray<readonly [label: string, start: number]>
  readonly cause: ReadonlyArray<Reason>
  /** When it was logged, in milliseconds since 1970. */
  readonly time: number
  /** The span in which it was logged: 0 is that of the caller. */
  readonly span: number
}

/** A span of the job, by its number, or one of another system. 0 is the span of the caller. */
export type SpanName = number | { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }

export interface Link {
  readonly span: SpanName
  readonly attributes: Attributes
}

/** A span that begins in a worker. */
export interface SpanStart {
  readonly span: number
  readonly parent: SpanName
  readonly links: ReadonlyArray<Link>
  readonly root: boolean
  readonly name: string
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer"
  readonly sampled: boolean
  /** In nanoseconds since 1970. */
  readonly time: bigint
  readonly attributes: Attributes
}

/** Something thrown, or logged, as it goes from one thread to the other. */
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

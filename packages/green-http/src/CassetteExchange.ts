/**
 * Cassettes: exchanges recorded to a file, and played back without a network.
 *
 * A handler around another one, not a mode of the client: what records and what plays is the layer that a program gets.
 * WebSockets are neither recorded nor played: opening one fails with the reason `Unsupported`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { failure, type HttpError, invalidOption } from "./HttpError.ts"
import {
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  HttpExchange,
  type RawHeaders,
  type ResponseBody
} from "./HttpExchange.ts"
import { get } from "./HttpHeaders.ts"
import { messageOf } from "./internal/messageOf.ts"

/**
 * What a file has: exchanges in the order in which they ended. Bodies in Base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cassette {
  readonly version: 1
  readonly exchanges: ReadonlyArray<Recorded>
}

/**
 * One recorded exchange.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorded {
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: RawHeaders
    readonly body: string
  }
  readonly response: {
    readonly status: number
    readonly statusText: string
    readonly headers: RawHeaders
    readonly body: string
  }
}

/**
 * What of a request has to be that of a recorded one: `"method"`, `"url"` and `"body"` unless said. A header by its name:
 * `"header:accept"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Rule = "method" | "url" | "path" | "body" | `header:${string}`

/**
 * How a cassette is recorded and played.
 *
 * @category models
 * @since 0.1.0
 */
export interface CassetteOptions {
  readonly match?: ReadonlyArray<Rule>
  /**
   * Headers whose values are not written: `authorization`, `proxy-authorization`, `cookie` and `set-cookie` unless said.
   * They are played back as `REDACTED`.
   */
  readonly redactHeaders?: ReadonlyArray<string>
  /** Query parameters whose values are not written, and not compared. */
  readonly redactParameters?: ReadonlyArray<string>
  /** Anything else that is to be changed before it is written: a secret in a body. */
  readonly redact?: (recorded: Recorded) => Recorded
}

/**
 * Records every exchange of the handler around which it is, and writes the file when the scope is closed: a new one, in
 * one step. Bodies are recorded as far as the program reads them; an exchange that fails is not in the file.
 * Fails with the reason `InvalidOption` when the file cannot be written.
 *
 * @category layers
 * @since 0.1.0
 */
export const record = (path: string, options?: CassetteOptions): Layer.Layer<HttpExchange, HttpError, HttpExchange> =>
  Layer.effect(
    HttpExchange,
    Effect.flatMap(HttpExchange, ({ exchange }) =>
      Effect.map(recorder(path, options), (recording) => ({ exchange: recording(exchange) }))
    )
  )

/**
 * Plays the exchanges of a file. Each is played once, the first that matches first; when all that match have been
 * played, the last one again. A request that matches none fails with the reason `Unplayed`, which says what is nearest.
 *
 * A file that cannot be read or is no cassette fails each request in the same way.
 *
 * @category layers
 * @since 0.1.0
 */
export const play = (path: string, options?: CassetteOptions): Layer.Layer<HttpExchange> =>
  Layer.sync(HttpExchange, () => ({ exchange: player(path, options) }))

const recorder = (
  path: string,
  options: CassetteOptions | undefined
): Effect.Effect<(exchange: Exchange) => Exchange, HttpError, Scope.Scope> =>
  Effect.gen(function* () {
    const exchanges: Array<Recorded> = []
    const unfinished = `${path}.new`
    // Before there is anything to lose.
    yield* Effect.try({
      try: () => {
        Fs.mkdirSync(Path.dirname(path), { recursive: true })
        Fs.writeFileSync(unfinished, "")
      },
      catch: (cause) => invalidOption("path", `the cassette cannot be written to ${path}: ${messageOf(cause)}`)
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        const cassette: Cassette = { version: 1, exchanges }
        Fs.writeFileSync(unfinished, `${JSON.stringify(cassette, undefined, 2)}\n`)
        Fs.renameSync(unfinished, path)
      })
    )
    return (exchange) => (request) =>
      Effect.gen(function* () {
        const sent: Array<Uint8Array> = []
        const response = yield* exchange(tapBody(request, sent))
        return tapResponse(response, (received) => {
          const recorded: Recorded = {
            request: {
              method: request.method,
              url: redactUrl(request.url, options),
              headers: redactHeaders(request.headers, options),
              body: Buffer.concat(sent).toString("base64")
            },
            response: {
              status: response.status,
              statusText: response.statusText,
              headers: redactHeaders(response.headers, options),
              body: Buffer.concat(received).toString("base64")
            }
          }
          exchanges.push(options?.redact?.(recorded) ?? recorded)
        })
      })
  })

/** The request, with a copy of what is sent. */
const tapBody = (request: ExchangeRequest, sent: Array<Uint8Array>): ExchangeRequest => {
  const { body } = request
  if (body === undefined) return request
  if (body instanceof Uint8Array) {
    sent.push(body)
    return request
  }
  const stream = Stream.tap(body.stream, (bytes) => Effect.sync(() => sent.push(Uint8Array.from(bytes))))
  return { ...request, body: { ...body, stream } }
}

/** The response; `ended` is called with its body when that has been read to the end. */
const tapResponse = (
  response: ExchangeResponse,
  ended: (received: ReadonlyArray<Uint8Array>) => void
): ExchangeResponse => {
  const received: Array<Uint8Array> = []
  let told = false
  const tell = () => {
    if (told) return
    told = true
    ended(received)
  }
  const body: ResponseBody = {
    pull: Effect.tap(response.body.pull, (chunks) =>
      Effect.sync(() => {
        if (chunks === undefined) tell()
        else for (const chunk of chunks) received.push(Uint8Array.from(chunk))
      })
    ),
    discard: Effect.tap(response.body.discard, () => Effect.sync(tell)),
    trailers: response.body.trailers
  }
  return { status: response.status, statusText: response.statusText, headers: response.headers, body }
}

const player = (path: string, options: CassetteOptions | undefined): Exchange => {
  const played = new Set<Recorded>()
  let loaded: ReadonlyArray<Recorded> | string | undefined
  return (request) =>
    Effect.gen(function* () {
      const exchanges = (loaded ??= load(path))
      const fail = (problem: string) => Effect.fail(failure(request, { _tag: "Unplayed", problem }))
      if (typeof exchanges === "string") return yield* fail(exchanges)
      const body = yield* collect(request)
      const rules = options?.match ?? ["method", "url", "body"]
      const matching = exchanges.filter((recorded) => differs(rules, recorded, request, body, options) === undefined)
      const recorded = matching.find((each) => !played.has(each)) ?? matching.at(-1)
      if (recorded === undefined) return yield* fail(nearest(rules, exchanges, request, body, options))
      played.add(recorded)
      const { headers, status, statusText } = recorded.response
      return HttpExchange.response(status, headers, Buffer.from(recorded.response.body, "base64"), statusText)
    })
}

/** The exchanges of a file, or why there are none. */
const load = (path: string): ReadonlyArray<Recorded> | string => {
  try {
    const cassette: unknown = JSON.parse(Fs.readFileSync(path, "utf8"))
    return isCassette(cassette) ? cassette.exchanges : `${path} is no cassette of version 1`
  } catch (cause) {
    return `${path} could not be read: ${messageOf(cause)}`
  }
}

const isCassette = (value: unknown): value is Cassette =>
  hasProperty(value, "version") &&
  value.version === 1 &&
  hasProperty(value, "exchanges") &&
  Array.isArray(value.exchanges) &&
  value.exchanges.every(isRecorded)

const isRecorded = (value: unknown): value is Recorded =>
  hasProperty(value, "request") &&
  isMessage(value.request) &&
  hasProperty(value.request, "method") &&
  typeof value.request.method === "string" &&
  hasProperty(value.request, "url") &&
  typeof value.request.url === "string" &&
  hasProperty(value, "response") &&
  isMessage(value.response) &&
  hasProperty(value.response, "status") &&
  typeof value.response.status === "number" &&
  hasProperty(value.response, "statusText") &&
  typeof value.response.statusText === "string"

const isMessage = (value: unknown): boolean =>
  hasProperty(value, "headers") &&
  Array.isArray(value.headers) &&
  value.headers.every((field) => typeof field === "string") &&
  hasProperty(value, "body") &&
  typeof value.body === "string"

const collect = ({ body }: ExchangeRequest): Effect.Effect<string, HttpError> => {
  if (body === undefined) return Effect.succeed("")
  if (body instanceof Uint8Array) return Effect.succeed(Buffer.from(body).toString("base64"))
  return Effect.map(Stream.runCollect(body.stream), (chunks) => Buffer.concat(chunks).toString("base64"))
}

/** The first rule by which a request is another one; `undefined` if there is none. */
const differs = (
  rules: ReadonlyArray<Rule>,
  { request: recorded }: Recorded,
  request: ExchangeRequest,
  body: string,
  options: CassetteOptions | undefined
): Rule | undefined =>
  rules.find((rule) => {
    switch (rule) {
      case "method":
        return recorded.method !== request.method
      case "url":
        return recorded.url !== redactUrl(request.url, options)
      case "path":
        return URL.parse(recorded.url)?.pathname !== request.url.pathname
      case "body":
        return recorded.body !== body
      default: {
        const name = rule.slice("header:".length)
        return get(recorded.headers, name) !== get(redactHeaders(request.headers, options), name)
      }
    }
  })

const nearest = (
  rules: ReadonlyArray<Rule>,
  exchanges: ReadonlyArray<Recorded>,
  request: ExchangeRequest,
  body: string,
  options: CassetteOptions | undefined
): string => {
  const last = exchanges
    .map((recorded) => ({ recorded, rule: differs(rules, recorded, request, body, options) }))
    .toSorted((a, b) => rules.indexOf(b.rule ?? "method") - rules.indexOf(a.rule ?? "method"))[0]
  if (last === undefined) return "it has no exchanges at all"
  return `the nearest, ${last.recorded.request.method} ${last.recorded.request.url}, differs in its ${last.rule}`
}

const redacted = "REDACTED"

const secretHeaders = ["authorization", "proxy-authorization", "cookie", "set-cookie"]

const redactHeaders = (headers: RawHeaders, options: CassetteOptions | undefined): RawHeaders => {
  const secret = new Set((options?.redactHeaders ?? secretHeaders).map((name) => name.toLowerCase()))
  return headers.map((field, index) =>
    index % 2 === 1 && secret.has(headers[index - 1]?.toLowerCase() ?? "") ? redacted : field
  )
}

const redactUrl = (url: URL, options: CassetteOptions | undefined): string => {
  const shown = new URL(url)
  shown.username = shown.password = shown.hash = ""
  for (const name of options?.redactParameters ?? [])
    if (shown.searchParams.has(name)) shown.searchParams.set(name, redacted)
  return shown.href
}

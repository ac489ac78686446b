/**
 * Server-sent events: of one response, or of a URL that is asked again whenever the connection ends.
 *
 * The format is read by effect/encoding, which is not stable yet: this is the only module here that knows it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as Stream from "effect/Stream"
import type { GreenHttp, RequestOptions } from "./GreenHttp.ts"
import { failure, type HttpError } from "./HttpError.ts"
import * as Headers from "./HttpHeaders.ts"
import type { HttpResponse } from "./HttpResponse.ts"

/**
 * An event. `event` is `"message"` unless the server says otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
  readonly id: string | undefined
}

/**
 * How a URL is subscribed to.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubscribeOptions extends RequestOptions {
  /** The last event that is known already. */
  readonly lastEventId?: string
  /** How many milliseconds pass before it is asked again, until the server says otherwise: 3000 unless said. */
  readonly reconnectAfter?: number
}

/**
 * The events of a response. They end with its body. An event of more than 10 MiB fails with the reason `Decode`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const events = (response: HttpResponse): Stream.Stream<ServerSentEvent, HttpError> => parse(response, () => {})

/**
 * The events of a URL. When the connection ends or fails, the URL is asked again, from the last event on. Ends when the
 * server answers 204; fails when it answers anything else that is no stream of events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const subscribe = (
  http: GreenHttp,
  url: string | URL,
  options: SubscribeOptions = {}
): Stream.Stream<ServerSentEvent, HttpError> =>
  Stream.suspend(() => {
    let { lastEventId, reconnectAfter = 3000 } = options
    let isFirst = true
    const ask = Effect.suspend(() => {
      const pause = isFirst ? Effect.void : Effect.sleep(reconnectAfter)
      isFirst = false
      const asked = { accept: "text/event-stream", "cache-control": "no-store", "last-event-id": lastEventId }
      const headers = Headers.toPairs(Headers.merge(Headers.toRaw(asked), Headers.toRaw(options.headers)))
      return Effect.andThen(pause, http.get(url, { ...options, headers }))
    })
    const once = Stream.unwrap(
      Effect.map(ask, (response): Stream.Stream<ServerSentEvent | undefined, HttpError> => {
        if (response.status === 204) return Stream.make(undefined)
        const problem = unfit(response)
        if (problem !== undefined) return Stream.unwrap(Effect.andThen(response.discard, Effect.fail(problem)))
        return Stream.tap(
          parse(response, (milliseconds) => {
            reconnectAfter = milliseconds
          }),
          ({ id }) =>
            Effect.sync(() => {
              lastEventId = id ?? lastEventId
            })
        )
      })
    )
    const connected = Stream.catch(once, (error) => (isLost(error) ? Stream.empty : Stream.fail(error)))
    return Stream.takeWhile(Stream.forever(connected), (event) => event !== undefined)
  })

const parse = (
  response: HttpResponse,
  retry: (milliseconds: number) => void
): Stream.Stream<ServerSentEvent, HttpError> =>
  Stream.suspend(() => {
    let found: Array<ServerSentEvent> = []
    const parser = Sse.makeParser((each) => {
      if (each._tag === "Retry") retry(Duration.toMillis(each.duration))
      else found.push({ event: each.event, data: each.data, id: each.id })
    })
    return Stream.decodeText(response.stream).pipe(
      Stream.mapEffect((text) => {
        const error = parser.feed(text)
        if (error !== undefined) return Effect.fail(wrong(response, error.message))
        const events = found
        found = []
        return Effect.succeed(events)
      }),
      Stream.flattenIterable
    )
  })

/** Why a response is no stream of events. */
const unfit = (response: HttpResponse): HttpError | undefined => {
  if (!response.ok) return failure(response, { _tag: "Status", status: response.status })
  const type = response.headers["content-type"] ?? "nothing"
  return /^text\/event-stream\s*(?:;|$)/i.test(type) ? undefined : wrong(response, `it is ${type}, no stream of events`)
}

const wrong = (response: HttpResponse, problem: string): HttpError => failure(response, { _tag: "Decode", problem })

/** Whether the connection is to blame, and asking again may help. */
const isLost = ({ reason }: HttpError): boolean =>
  reason._tag === "Connect" || reason._tag === "Protocol" || reason._tag === "Timeout" || reason._tag === "Dns"

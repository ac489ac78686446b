/**
 * The one place that imports effect/http: handlers are told of headers, and a request of a worker has none.
 */
export { empty as noHeaders, type Headers } from "effect/http/Headers"

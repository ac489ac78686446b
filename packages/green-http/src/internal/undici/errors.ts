/**
 * What undici, Node and the system say when an exchange fails, in the words of this package.
 */
import { HttpError, type HttpErrorReason } from "../../HttpError.ts"
import { ConnectFailure } from "./Connector.ts"

/** `answered`: whether the head of the response had come. */
export const reasonOf = (error: Error, answered: boolean): HttpErrorReason => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ConnectFailure) return cause.reason
    if (cause instanceof HttpError) return cause.reason
    if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return reasonOf(cause.errors[0], answered)
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name
  const problem = error.message
  const proxied = /\b(407\b|Proxy response \(\d+\))/.exec(problem)
  if (proxied !== null) return { _tag: "Refused", problem: `by the proxy: ${problem}` }
  if (dns.has(code)) {
    return { _tag: "Dns", host: "hostname" in error ? String(error.hostname) : "the host", code }
  }
  if (tls.test(code)) return { _tag: "Tls", code, problem }
  if (code.startsWith("HPE_") || error.name === "HTTPParserError" || protocol.has(code))
    return { _tag: "Protocol", code, problem }
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED") return { _tag: "InvalidRequest", problem }
  if (code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH") return { _tag: "RequestBody", cause: error }
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED" || code === "UND_ERR_ABORTED") return { _tag: "Closed" }
  return answered
    ? { _tag: "Protocol", code, problem: `the body ended short: ${problem}` }
    : { _tag: "Connect", code, problem }
}

const dns = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME", "ENODATA", "ESERVFAIL"])

const protocol = new Set([
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_RESPONSE",
  "UND_ERR_INFO"
])

/** As OpenSSL and Node name the faults of a certificate or of a handshake. */
const tls =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH|EPROTO|UND_ERR_PRX_TLS)/

/** What fetch and others have wrapped: the one with a code says most. */
export const systemError = (error: Error): Error =>
  "code" in error || !(error.cause instanceof Error) ? error : systemError(error.cause)

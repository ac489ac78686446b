/**
 * Blocking synchronous code in worker threads that performs typed operations: the host's side.
 *
 * @since 0.1.0
 */
export { JobError, type JobErrorReason } from "./JobError.ts"

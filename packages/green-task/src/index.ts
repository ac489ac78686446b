/**
 * Functions and methods that run in a greenlet.
 *
 * @since 0.1.0
 */
export { greenTask, TaskError } from "./greenTask.ts"
export { runInGreenlet } from "./runInGreenlet.ts"

/**
 * A process that is told what to do and answers what it took, one thing after another.
 */
import type { ChildProcess, Serializable } from "node:child_process"
import { once } from "node:events"

/** Waits until it says that it is ready. Then each task is a message to it, and the next message its answer. */
export const converse = async <Task extends Serializable, Answer>(
  name: string,
  child: ChildProcess
): Promise<(task: Task) => Promise<Answer>> => {
  const ended = once(child, "exit").then(([code, signal]) =>
    Promise.reject(new Error(`${name} ended with ${code ?? signal}`))
  )
  // One that is closed has nothing more to say.
  ended.catch(() => {})
  await Promise.race([once(child, "message"), ended])
  return async (task) => {
    const said = Promise.race([once(child, "message"), ended])
    child.send(task)
    const [answer]: ReadonlyArray<Answer> = await said
    if (answer === undefined) throw new Error(`${name} gave no answer`)
    return answer
  }
}

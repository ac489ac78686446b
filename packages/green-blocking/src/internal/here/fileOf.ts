/**
 * In which file a function is written, as the debugger says it: whoever has loaded the file, and however it was changed
 * on the way.
 */
import { Session } from "node:inspector"
import { fileURLToPath } from "node:url"

/** Its path, or `undefined` if it cannot be said. */
export const fileOf = (f: object): string | undefined => {
  const session = new Session()
  try {
    session.connect()
    const scripts = new Map<string, string>()
    session.on("Debugger.scriptParsed", ({ params }) => scripts.set(params.scriptId, params.url))
    session.post("Debugger.enable")
    const script = scriptOf(session, f)
    return script === undefined ? undefined : pathOf(scripts.get(script))
  } catch {
    return undefined
  } finally {
    session.disconnect()
  }
}

declare global {
  // Where the debugger finds the function that is asked for.
  var greenBlockingFunction1: object | undefined
}

/** The number of its script. A session in its own thread answers within the call. */
const scriptOf = (session: Session, f: object): string | undefined => {
  globalThis.greenBlockingFunction1 = f
  let id: string | undefined
  session.post("Runtime.evaluate", { expression: "globalThis.greenBlockingFunction1" }, (_error, answer) => {
    id = answer.result.objectId
  })
  globalThis.greenBlockingFunction1 = undefined
  if (id === undefined) return undefined
  let script: string | undefined
  session.post("Runtime.getProperties", { objectId: id, ownProperties: true }, (_error, answer) => {
    const location = answer.internalProperties?.find((each) => each.name === "[[FunctionLocation]]")?.value?.value
    if (hasScript(location)) script = location.scriptId
  })
  return script
}

const hasScript = (x: unknown): x is { readonly scriptId: string } =>
  typeof x === "object" && x !== null && "scriptId" in x && typeof x.scriptId === "string"

const pathOf = (url: string | undefined): string | undefined => {
  if (url === undefined || url === "") return undefined
  const bare = url.replace(/[?#].*$/, "")
  return bare.startsWith("file:") ? fileURLToPath(bare) : bare
}

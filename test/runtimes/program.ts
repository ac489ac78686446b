/**
 * `program.ts <package>` tries what it does, on the runtime that runs this, and tells of each thing by a line of JSON.
 * `program.ts` tells what there is to try.
 *
 * It ends by itself, unless something hangs.
 */
import { isSmoked, smokes } from "./smokes.ts"

/** One thing, and what was wrong with it if it does not work. */
export interface Told {
  readonly feature: string
  readonly problem?: string
}

/** How long each may take, in milliseconds, on a slow machine. */
const bound = 20_000

const problemOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)

const attempt = async (feature: string, run: () => Promise<unknown>): Promise<Told> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`is not done after ${bound / 1000} s`), bound)
  })
  const done = run().then(() => undefined, problemOf)
  const problem = await Promise.race([done, late])
  clearTimeout(timer)
  return problem === undefined ? { feature } : { feature, problem }
}

const [, , name] = process.argv
if (name === undefined) {
  for (const [subject, load] of Object.entries(smokes)) {
    for (const feature of Object.keys((await load()).smoke)) console.log(JSON.stringify({ subject, feature }))
  }
} else if (isSmoked(name)) {
  const { smoke } = await smokes[name]()
  for (const [feature, run] of Object.entries(smoke)) console.log(JSON.stringify(await attempt(feature, run)))
} else throw new Error(`there is nothing to try of "${name}"`)

/**
 * The file .netrc: whose password is for which machine.
 *
 * As curl and Python read it: words separated by white space, quoted or not, comments from `#` to the end of the line,
 * macros skipped to the next empty line.
 */

export interface NetrcEntry {
  readonly login: string | undefined
  readonly password: string | undefined
}

/** The entry of a machine, or that of `default`. */
export const lookup = (text: string, machine: string): NetrcEntry | undefined => {
  let fallback: NetrcEntry | undefined
  for (const { entry, name } of entries(text)) {
    if (name === machine) return entry
    if (name === undefined) fallback ??= entry
  }
  return fallback
}

interface Named {
  /** `undefined` for `default`. */
  readonly name: string | undefined
  readonly entry: { login: string | undefined; password: string | undefined }
}

const entries = (text: string): ReadonlyArray<Named> => {
  const found: Array<Named> = []
  const words = text
    .replace(/^[ \t]*macdef\b[^]*?(?:\n[ \t]*\n|(?![^]))/gm, "\n")
    .matchAll(/#[^\n]*|"((?:[^"\\]|\\.)*)"|([^\s"#][^\s]*)/g)
  const rest = [...words].flatMap(([whole, quoted, plain]) =>
    whole.startsWith("#") ? [] : [quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/g, "$1")]
  )
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]
    if (word === "default") found.push({ name: undefined, entry: { login: undefined, password: undefined } })
    else if (word === "machine") {
      found.push({ name: rest[++index] ?? "", entry: { login: undefined, password: undefined } })
    } else if (word === "login" || word === "user" || word === "password") {
      const value = rest[++index]
      const entry = found.at(-1)?.entry
      if (entry === undefined) continue
      if (word === "password") entry.password = value
      else entry.login = value
    } else if (word === "account") index++
  }
  return found
}

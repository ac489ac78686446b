/**
 * The challenges of a WWW-Authenticate or Proxy-Authenticate header (RFC 9110, 11.6.1).
 */

export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Several challenges may share a line, and their parameters are separated by commas as well. */
export const parseChallenges = (lines: ReadonlyArray<string>): ReadonlyArray<Challenge> => {
  const challenges: Array<{ scheme: string; parameters: Map<string, string> }> = []
  for (const line of lines) {
    const item =
      /\s*,?\s*(?:([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+\-.^_`|~\w]+)(?=\s|,|$)(?:\s+[A-Za-z\d\-._~+/]+=*(?=\s*(?:,|$)))?)/gy
    for (let match = item.exec(line); match !== null && match[0] !== ""; match = item.exec(line)) {
      const [, name, quoted, plain, scheme] = match
      if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
      else if (name !== undefined) {
        challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "")
      }
    }
  }
  return challenges
}

/**
 * The methods of a session by their names, for whatever a session gives.
 */

type Ask<Options, Answer> = (method: string, url: string | URL, options?: Options) => Answer

type Verb<Options, Answer> = (url: string | URL, options?: Options) => Answer

export interface Verbs<Options, Answer> {
  readonly get: Verb<Options, Answer>
  readonly head: Verb<Options, Answer>
  readonly post: Verb<Options, Answer>
  readonly put: Verb<Options, Answer>
  readonly patch: Verb<Options, Answer>
  readonly delete: Verb<Options, Answer>
  readonly options: Verb<Options, Answer>
}

export const verbs = <Options, Answer>(request: Ask<Options, Answer>): Verbs<Options, Answer> => {
  const verb =
    (method: string): Verb<Options, Answer> =>
    (url, options) =>
      request(method, url, options)
  return {
    get: verb("GET"),
    head: verb("HEAD"),
    post: verb("POST"),
    put: verb("PUT"),
    patch: verb("PATCH"),
    delete: verb("DELETE"),
    options: verb("OPTIONS")
  }
}

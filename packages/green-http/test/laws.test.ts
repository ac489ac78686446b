/** Every handler of this package keeps what `HttpExchange` says. */
import { describeLaws } from "./support/exchangeLaws.ts"
import { subjects } from "./support/exchangeSubjects.ts"
import { lifecycle } from "./support/laws/lifecycle.ts"
import { requests } from "./support/laws/requests.ts"
import { responses } from "./support/laws/responses.ts"

for (const subject of subjects) describeLaws(subject, [...requests, ...responses, ...lifecycle])

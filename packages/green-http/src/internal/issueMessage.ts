/** What a Schema says of a value that does not fit. */
import * as SchemaIssue from "effect/SchemaIssue"

export const issueMessage: (issue: SchemaIssue.Issue) => string = SchemaIssue.makeFormatterDefault()

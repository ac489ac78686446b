/**
 * The job: something that takes as long as it takes.
 */
export const matches = (pattern: string, text: string): boolean => new RegExp(pattern).test(text)

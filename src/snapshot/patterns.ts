/** Whether a root or slice names patterns: matches by a regex or template, rewriting by one, or `matches` of an expression. @param text canonical JSON */
export function holdsPatterns(text: string): boolean {
  // What stands in an author's text has its quotes escaped.
  return /"kind":"(?:regex|template|matches)"|"regex":\{"match":/.test(text);
}

import { sentence } from './format'

/** What a database or server says, as a sentence; names, which stand between backticks, as code. */
export function Message({ text }: { readonly text: string }) {
  // Every other piece stood between two backticks.
  return sentence(text)
    .split(/`([^`]*)`/)
    .map((piece, at) => (at % 2 === 0 ? piece : <code key={at}>{piece}</code>))
}

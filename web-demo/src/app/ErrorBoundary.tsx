import { Component, type ReactNode } from 'react'
import { Message } from '../ui/Message'
import { textOf } from '../ui/toasts'

interface State {
  readonly error?: unknown
}

/** Shows what made a part of the application fail, instead of an empty page. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = {}

  static getDerivedStateFromError(error: unknown): State {
    return { error }
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children
    return (
      <div className="door">
        <h1>This page has failed</h1>
        <p className="problem" role="alert">
          <Message text={textOf(this.state.error)} />
        </p>
        <button type="button" className="button button-main" onClick={() => this.setState({ error: undefined })}>
          Show it again
        </button>
      </div>
    )
  }
}

/** How to get the flights. */
export function Missing({ hasServer, isArriving }: { readonly hasServer: boolean; readonly isArriving: boolean }) {
  if (isArriving) return <p className="empty" role="status">The first rows are on their way …</p>
  return (
    <div className="card prose">
      <h2>The flights are not here</h2>
      <p>
        This page draws charts of {hasServer ? 'a table that the server does not have yet' : 'a table that comes from a server'}: <code>app.flights</code>, the 58,665 flights of one airline from New York in 2013.
      </p>
      <p>The demo of the repository imports them, starts a server and prints the address of this page there:</p>
      <pre tabIndex={0}>cargo xtask demo</pre>
      <p>As soon as the table is on the server, it comes to this device by itself, and stays: everything on this page then works offline.</p>
    </div>
  )
}

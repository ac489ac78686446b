/**
 * The live page: the pool as it is, ten times a second, by server-sent events.
 */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>RunInPool</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #223 }
  dl { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem; margin: 1.5rem 0 }
  dl div { border: 1px solid #ccd; border-radius: .5rem; padding: .75rem 1rem }
  dt { color: #667 } dd { margin: 0; font: 600 2rem/1.2 ui-monospace, monospace }
  #workers { display: flex; flex-wrap: wrap; gap: .4rem; min-height: 1.6rem }
  #workers i { width: 1.6rem; height: 1.6rem; border-radius: .3rem; background: #dde }
  #workers i.busy { background: #2a7 }
  #queue { height: .8rem; background: #e95; border-radius: .3rem; margin: .75rem 0; width: 0 }
  button { font: inherit; padding: .4rem 1rem } p { color: #667 }
</style>
<h1>RunInPool</h1>
<div id="workers"></div>
<div id="queue"></div>
<dl>
  <div><dt>size</dt><dd id="size">–</dd></div>
  <div><dt>running</dt><dd id="running">–</dd></div>
  <div><dt>queued</dt><dd id="queued">–</dd></div>
  <div><dt>waited, ms</dt><dd id="waited">–</dd></div>
</dl>
<button onclick="for (let i = 0; i < 6; i++) fetch('/work?' + Math.random())">six requests</button>
<p id="counts"></p>
<script>
  const at = (id) => document.getElementById(id)
  new EventSource("/live").onmessage = ({ data }) => {
    const { size, running, queued, waited, answered, refused, dropped } = JSON.parse(data)
    for (const [id, value] of Object.entries({ size, running, queued, waited })) at(id).textContent = value
    at("workers").innerHTML = Array.from({ length: size }, (_, i) => '<i class="' + (i < running ? "busy" : "") + '"></i>').join("")
    at("queue").style.width = Math.min(100, queued) + "%"
    at("counts").textContent = answered + " answered, " + refused + " refused, " + dropped + " dropped"
  }
</script>
</html>
`

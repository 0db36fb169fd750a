'use strict'

const element = (id) => document.getElementById(id)
let token = ''
let from = 0
let before = []
let skew = 0 // of the server's clock
let canAct = false
let base = '' // of the instance that is shown, where the server has several

function make(name, text, attributes) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value)
  return made
}

async function ask(path, order) {
  const headers = token ? { 'X-Admin-Token': token } : {}
  const response = await fetch(base + 'api/' + path, order ? { method: 'POST', headers, body: JSON.stringify(order) } : { headers })
  const reply = await response.json()
  if (!response.ok) throw Object.assign(new Error(reply.error), { status: response.status })
  return reply
}

const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]
function span(seconds) {
  seconds = Math.max(0, Math.round(seconds))
  const i = Math.max(0, units.findIndex(([size]) => seconds >= size))
  if (seconds < 60) return seconds + ' s'
  const rest = Math.floor(seconds % units[i][0] / units[i + 1][0])
  return Math.floor(seconds / units[i][0]) + ' ' + units[i][1] + (rest ? ' ' + rest + ' ' + units[i + 1][1] : '')
}
const since = (time) => (Date.now() + skew - new Date(time)) / 1000
const ago = (time) => span(since(time)) + ' ago'
const number = (n) => n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 2 : n < 100 ? 1 : 0 })
const whole = (n, what) => number(n) + ' ' + what + (n === 1 ? '' : 's')

const plots = [
  ['connections', 'clients'], ['events', 'events / s'], ['pushes', 'pushes / s'],
  ['logins', 'logins / s'], ['refused', 'refused logins / s'], ['ended', 'ended connections / s']]

function plot(key, label, status) {
  const width = 59, height = 30
  const points = status.hour.map((point) => point[key])
  if (!points.length) points.push(status.now[key])
  if (points.length === 1) points.push(points[0])
  const most = Math.max(...points) || 1
  const at = points.map((value, i) => `${width - points.length + 1 + i},${height - value / most * (height - 2)}`)
  const figure = make('figure', undefined, { class: key, 'data-plot': key })
  const caption = make('figcaption', label)
  caption.append(make('strong', number(status.now[key])))
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  const say = `${label}: ${number(status.now[key])} now, ${number(Math.max(...points))} at most in the last hour`
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': say })) svg.setAttribute(name, value)
  for (const [name, corners] of [['area', [`${width - points.length + 1},${height}`, ...at, `${width},${height}`]], ['line', at]]) {
    const line = document.createElementNS(ns, name === 'area' ? 'polygon' : 'polyline')
    line.setAttribute('class', name)
    line.setAttribute('points', corners.join(' '))
    svg.append(line)
  }
  figure.append(caption, svg)
  return figure
}

// showInstances lists those of a server that has several. One that is served is shown by its link.
function showInstances(s) {
  const unwell = s.instances.filter((i) => !i.ready)
  element('state').className = unwell.length ? 'bad' : 'good'
  element('state').textContent = unwell.length ? `${unwell.length} of ${whole(s.instances.length, 'instance')} not ready` : whole(s.instances.length, 'instance') + ' ready'
  element('versions').textContent = `version ${s.version}, ${s.go_version}, started ${ago(s.started)}`
  element('instances').tBodies[0].replaceChildren(...s.instances.map((i) => {
    const row = make('tr')
    const name = make('td')
    name.append(i.served ? make('a', i.name, { href: '#' + encodeURIComponent(i.name) }) : i.name)
    const problems = Object.entries(i.problems || {}).concat(i.warning ? [['warning', i.warning]] : []).map(([what, why]) => `${what}: ${why}`).join('; ')
    row.append(name, cell('state', problems || 'ready'), cell('clients', number(i.connections)), cell('users', number(i.users)), cell('hosts', (i.hosts || []).join(', ')))
    return row
  }))
}

// show shows either all instances or what the address names.
function show(isList) {
  element('all').hidden = !isList
  for (const part of document.querySelectorAll('main > section:not(#all)')) part.hidden = isList
  element('one').hidden = !base
}

function showStatus(s) {
  show(Boolean(s.instances))
  if (s.instances) return showInstances(s)
  skew = new Date(s.time) - Date.now()
  canAct = s.can_act
  element('state').className = s.ready ? 'good' : 'bad'
  element('state').textContent = s.ready ? 'ready for ' + span(since(s.ready_since)) : 'not ready'
  element('versions').textContent = `version ${s.version}, app ${s.app_version}, ${s.go_version}, started ${ago(s.started)}, log level ${s.log_level}`
  element('problems').replaceChildren(...s.problems.map((p) => {
    const item = make('li')
    item.append(make('strong', p.name), ` for ${span(since(p.since))}: ${p.reason}`)
    return item
  }))
  element('warning').textContent = s.warning
  element('dependencies').replaceChildren(...s.dependencies.map((d) => {
    const item = make('li', undefined, d.ok ? {} : { class: 'down' })
    item.append(make('strong', d.name), make('span', d.latency_ms === null ? 'not asked yet' : `${number(d.latency_ms)} ms, ${ago(d.latency_at)}`, { class: 'soft' }))
    return item
  }))
  element('servers').replaceChildren(...s.servers.map((o) => {
    const item = make('li')
    item.append(make('strong', o.name), ` version ${o.version}, here for ${span(since(o.since))}, ${whole(o.connections, 'connection')}${o.ending ? ', ending' : ''}`)
    return item
  }))
  element('plots').replaceChildren(...plots.map(([key, label]) => plot(key, label, s)))
  element('totals').textContent = `${whole(s.now.users, 'user')}. Since the start: ${whole(s.total.connections, 'connection')}, ${whole(s.total.events, 'event')}, ` +
    `${number(s.total.pushes)} pushes, ${whole(s.total.refused, 'refused login')}, ${whole(s.total.resyncs, 'resync')}`
  element('logins').textContent = `${number(s.logins_waiting)} waiting, ${number(s.logins_in_flight)} at Nextcloud, ${number(s.throttled)} throttled`
  element('off').hidden = canAct
  element('on').hidden = !canAct
  if (document.activeElement !== element('level') && element('level').dataset.set !== s.log_level) element('level').value = element('level').dataset.set = s.log_level
  enable()
}

// enable lets actions be chosen once there is a token.
function enable() {
  for (const button of document.querySelectorAll('.needs-token')) button.disabled = !token
}

function cell(label, text, title, kind) {
  const made = make('td', text, label ? { 'data-label': label } : {})
  if (title) made.title = title
  if (kind) made.className = kind
  return made
}

// programs are user agents in words; the first that fits counts.
const programs = [
  [/mirall\/([\d.]+)/, 'desktop client'], [/Nextcloud-android\/([\d.]+)/i, 'Android app'], [/Nextcloud-iOS\/([\d.]+)/i, 'iOS app'],
  [/Edg\/(\d+)/, 'Edge'], [/OPR\/(\d+)/, 'Opera'], [/Firefox\/(\d+)/, 'Firefox'], [/Chrom(?:e|ium)\/(\d+)/, 'Chrome'], [/Version\/(\d+).*Safari/, 'Safari'],
  [/^notify_push\/?([\d.]*)/, 'notify_push']]
const systems = [[/Android/, 'Android'], [/iPhone|iPad|iOS/, 'iOS'], [/Mac/, 'macOS'], [/Windows/, 'Windows'], [/Linux/, 'Linux']]
function program(agent) {
  for (const [pattern, name] of programs) {
    const found = agent.match(pattern)
    const system = systems.find(([one]) => one.test(agent))
    if (found) return `${name} ${found[1]}` + (system ? `, ${system[1]}` : '')
  }
  return agent || 'unknown'
}
const moment = (time) => time ? ago(time) : 'none'

function actionCell(text, action, order) {
  const made = make('td')
  if (canAct && token) {
    const button = make('button', text, { type: 'button' })
    button.addEventListener('click', () => act(action, order))
    made.append(button)
  }
  return made
}

function showClients(reply) {
  const shown = reply.clients.length
  element('found').textContent = `${whole(reply.users, 'user')}, ${whole(shown, 'client')} shown`
  element('clients').tBodies[0].replaceChildren(...reply.clients.map((c) => {
    const row = make('tr')
    row.append(cell('', c.user), cell('client', program(c.program), c.program, 'program'), cell('address', c.address || 'unknown'),
      cell('connected for', span(since(c.since)), c.since, 'time'), cell('last push', moment(c.last_push), c.last_push, 'time'), actionCell('Disconnect', 'disconnect', { user: c.user }))
    return row
  }))
  element('next').hidden = !reply.next
  element('next').value = reply.next
  element('back').hidden = !before.length
  const throttled = reply.throttled || []
  element('throttled').hidden = !throttled.length
  element('throttled').tBodies[0].replaceChildren(...throttled.map((t) => {
    const row = make('tr')
    row.append(cell('', t.address + (t.gateway ? ' (a user behind it)' : '')), cell('failed logins', t.failures),
      cell('waits', span(-since(t.until))), actionCell('Clear', 'clear-rate-limit', { address: t.address }))
    return row
  }))
}

let isList = false
async function refreshStatus() {
  try {
    const status = await ask('status')
    isList = Boolean(status.instances)
    showStatus(status)
  } catch (error) {
    element('state').className = 'bad'
    element('state').textContent = error.status === 401 ? 'a token is wanted' : 'the server does not answer'
    if (error.status === 401) element('on').hidden = false
  }
}

let asked = 0
async function refreshClients() {
  if (isList) return
  const mine = ++asked
  try {
    const reply = await ask('clients?' + new URLSearchParams({ search: element('search').value.trim(), from }))
    if (mine === asked) showClients(reply)
  } catch (error) {
    if (mine === asked) element('found').textContent = error.message
  }
}

async function act(action, order) {
  try {
    await ask(action, order)
    element('done').className = 'good'
    element('done').textContent = `done: ${action} ${Object.values(order).join(' ')}`
  } catch (error) {
    element('done').className = 'bad'
    element('done').textContent = error.message
  }
  await refresh()
}

async function refresh() {
  await refreshStatus()
  await refreshClients()
}

let typing
element('search').addEventListener('input', () => {
  from = 0
  before = []
  clearTimeout(typing)
  typing = setTimeout(refreshClients, 200)
})
element('next').addEventListener('click', () => { before.push(from); from = Number(element('next').value); refreshClients() })
element('back').addEventListener('click', () => { from = before.pop() || 0; refreshClients() })
element('unlock').addEventListener('submit', (event) => {
  event.preventDefault()
  token = element('token').value
  element('token').value = ''
  element('token').placeholder = token ? 'Another admin token' : 'Admin token'
  enable()
  refresh()
})
for (const button of document.querySelectorAll('[data-action]')) {
  button.addEventListener('click', () => {
    const action = button.dataset.action
    if (action === 'reset' && !confirm('Close all connections? Clients come back by themselves.')) return
    act(action, action === 'log-level' ? { level: element('level').value } : {})
  })
}

// isUsed reports whether a row may be about to be chosen: it must not move away then.
function isUsed() {
  const hovers = matchMedia('(hover: hover)').matches ? ':hover, :focus-within' : ':focus-within'
  return [element('clients'), element('throttled')].some((table) => table.tBodies[0].matches(hovers))
}

// follow shows the instance that the address names behind its #.
function follow() {
  const name = decodeURIComponent(location.hash.slice(1))
  base = name ? `instances/${encodeURIComponent(name)}/` : ''
  element('name').textContent = name
  from = 0
  before = []
  refresh()
}
addEventListener('hashchange', follow)

follow()
setInterval(() => {
  if (document.hidden) return
  refreshStatus()
  if (!isUsed()) refreshClients()
}, 3000)

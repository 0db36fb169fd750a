"use strict";

// How a push gets its latency: the demo's server tells this page of every event at the moment of its PUBLISH, on a stream of
// its own (/demo/feed). Both panes remember what their user has to be told of. When a push arrives over the WebSocket,
// the events that it stands for are taken out, and the difference is the latency.

const longestHold = 1500; // ms: the second between two pushes of a kind, times the largest spread
const settle = 80; // ms to let the feed catch up with the WebSocket before a push is matched with its events

const byId = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Time. The server's clock may be another one than the browser's.

let clockOffset = 0;
const now = () => performance.timeOrigin + performance.now() + clockOffset;

async function syncClock() {
  let best = Infinity;
  for (let i = 0; i < 7; i++) {
    const asked = performance.timeOrigin + performance.now();
    const server = Number(await (await fetch("/demo/clock")).text());
    const answered = performance.timeOrigin + performance.now();
    if (answered - asked < best) {
      best = answered - asked;
      clockOffset = server - (asked + answered) / 2;
    }
  }
}

function duration(ms) {
  ms = Math.max(ms, 0.1);
  if (ms < 10) return ms.toFixed(1) + " ms";
  if (ms < 1000) return Math.round(ms) + " ms";
  return (ms / 1000).toFixed(2) + " s";
}

const timeOfDay = (ms) => new Date(ms).toLocaleTimeString([], {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false,
});

const counted = (n, one, many) => n + " " + (n === 1 ? one : many);
const nouns = {
  file: ["change", "changes"],
  activity: ["activity", "activities"],
  notification: ["notification", "notifications"],
  custom: ["message", "messages"],
};

function inOnePush(kind, events) {
  return counted(events.length, ...nouns[kind]) + (events.length > 1 ? " coalesced into 1 push" : " in 1 push");
}

// A pane is one client: somebody logged in over a WebSocket.

class Pane {
  constructor(side, people, chosen) {
    const root = byId("pane").content.firstElementChild.cloneNode(true);
    this.find = (selector) => root.querySelector(selector);
    this.root = root;
    this.people = people;
    root.dataset.pane = side;
    for (const name of ["who", "password", "file-ids", "login", "wrong", "logout", "status", "sum", "log"]) {
      this.find("." + name).id = side + "-" + name;
    }
    for (const person of people) this.find(".who").add(new Option(person.login, person.id));
    this.find(".who").value = chosen;
    this.find(".who").onchange = () => this.choose();
    this.find("form").onsubmit = (event) => {
      event.preventDefault();
      this.login(this.find(".password").value);
    };
    this.find(".wrong").onclick = () => this.login("not the password");
    this.find(".logout").onclick = () => this.socket.close(1000);
    this.find(".file-ids").onchange = () => this.listenToFileIDs();
    this.find(".log").setAttribute("aria-label", "Pushes that arrived, newest first");
    byId("panes").append(root);
    this.choose();
    this.say("not logged in");
    this.forget();
  }

  choose() {
    this.person = this.people.find((person) => person.id === this.find(".who").value);
    this.find(".password").value = this.person.password;
    this.find("h2").textContent = this.person.name;
    this.find(".avatar").textContent = this.person.name[0];
  }

  // forget starts counting and waiting anew.
  forget() {
    this.waiting = { file: [], activity: [], notification: [], custom: [] };
    this.latest = {}; // event that was taken, by kind
    this.events = 0;
    this.pushes = 0;
    this.sum();
    for (const kind in this.waiting) this.drawHeld(kind);
  }

  say(text, mood) {
    const status = this.find(".status");
    status.textContent = text;
    status.className = "status " + (mood || "");
  }

  login(password) {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const socket = new WebSocket(scheme + location.host + "/push/ws");
    this.socket = socket;
    this.enable(false);
    this.say("logging in …");
    let refusal = "";
    socket.onopen = () => {
      socket.send(this.person.login);
      socket.send(password);
    };
    socket.onmessage = (message) => {
      if (this.online) this.arrived(message.data, now());
      else if (message.data === "authenticated") this.loggedIn();
      else refusal = message.data;
    };
    socket.onclose = (event) => this.closed(refusal, event);
  }

  loggedIn() {
    this.online = true;
    this.forget();
    this.show();
    this.say("connected", "good");
    this.listenToFileIDs();
    refreshCounters();
  }

  closed(refusal, event) {
    const wasOnline = this.online;
    this.online = false;
    this.forget();
    this.show();
    this.enable(true);
    if (refusal) this.say(refusal, "bad");
    else if (event.code === 1000 || event.code === 1005) this.say("logged out");
    else this.say((wasOnline ? "connection ended" : "no connection") + " (" + event.code + (event.reason && " " + event.reason) + ")", "bad");
    refreshCounters();
  }

  enable(yes) {
    this.root.querySelectorAll(".who, .password, .login, .wrong").forEach((element) => { element.disabled = !yes; });
  }

  show() {
    this.root.classList.toggle("online", this.online);
    this.find(".login").hidden = this.find(".wrong").hidden = this.online;
    this.find(".logout").hidden = !this.online;
    this.find(".file-ids").disabled = this.online && this.find(".file-ids").checked;
  }

  // listenToFileIDs cannot be taken back while connected: the protocol has no word for it.
  listenToFileIDs() {
    if (!this.online || !this.find(".file-ids").checked) return;
    this.socket.send("listen notify_file_id");
    this.show();
  }

  // happened is told of an event when it was published.
  happened(event) {
    if (!this.online || !event.users.includes(this.person.id)) return;
    this.waiting[event.kind].push(event);
    this.events++;
    this.sum();
    this.animate();
  }

  // arrived is told of a push when it was received.
  async arrived(text, at) {
    this.pushes++;
    await sleep(settle);
    const push = readPush(text);
    const events = this.take(push, at);
    this.sum();
    this.log(push, events, at);
    this.drawHeld(push.kind, events.length > 0 && inOnePush(push.kind, events));
    refreshCounters();
  }

  // take removes the events that a push stands for from those that wait. An event that was published while a push was on
  // its way is taken for a part of that push, and then missing from its own: that is how a push can be left without any.
  take(push, at) {
    const isMeant = (event) => {
      if (push.kind === "custom") return event.what === push.text; // takes less time than the clocks may differ by
      if (event.at > at) return false;
      return !push.ids || push.ids.includes(event.id);
    };
    let events = this.waiting[push.kind].filter(isMeant);
    if (push.kind === "custom") events = events.slice(0, 1);
    const latest = this.latest[push.kind];
    if (events.length === 0) return latest && at - latest.at < 2 * longestHold ? [latest] : [];
    this.latest[push.kind] = events.at(-1);
    this.waiting[push.kind] = this.waiting[push.kind].filter((event) => !events.includes(event));
    return events;
  }

  log(push, events, at) {
    const row = document.createElement("li");
    row.dataset.kind = push.kind;
    const [first, last] = [events[0], events.at(-1)];
    let detail = push.kind;
    if (events.length > 1) detail = inOnePush(push.kind, events) + ", the last " + duration(at - last.at) + " before";
    else if (first && push.kind === "file") detail = first.what;
    row.append(
      element("code", "", push.text),
      element("span", "latency", first ? duration(Math.max(at - first.at, 0)) : "–"),
      element("span", "detail", timeOfDay(at - clockOffset) + " · " + detail),
    );
    if (events.length > 1) row.dataset.coalesced = events.length;
    this.find(".log").prepend(row);
    while (this.find(".log").childElementCount > 200) this.find(".log").lastElementChild.remove();
  }

  sum() {
    const held = Object.values(this.waiting).flat().length;
    this.find(".sum").textContent = this.online
      ? counted(this.events, "event", "events") + ", " + counted(this.pushes, "push", "pushes") + (held > 0 ? ", " + held + " waiting" : "")
      : "";
  }

  // animate draws the bars for as long as something is held back.
  animate() {
    if (this.animating) return;
    this.animating = true;
    const frame = () => {
      const held = Object.keys(this.waiting).filter((kind) => this.waiting[kind].length > 0);
      held.forEach((kind) => this.drawHeld(kind));
      this.animating = held.length > 0;
      if (this.animating) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  drawHeld(kind, done) {
    const bar = this.find(`.held [data-kind=${kind}]`);
    if (!bar) return; // custom messages are never held
    const events = this.waiting[kind];
    const share = events.length > 0 ? (now() - events[0].at) / longestHold : 0;
    bar.querySelector(".fill").style.width = 100 * Math.min(share, 1) + "%";
    const text = bar.querySelector(".text");
    if (events.length > 0) text.textContent = "holding back " + counted(events.length, ...nouns[kind]);
    else text.textContent = done || (this.online ? text.textContent : "");
  }
}

function readPush(text) {
  const ids = /^notify_file_id (\[.*\])$/.exec(text);
  if (ids) return { text, kind: "file", ids: JSON.parse(ids[1]) };
  const kinds = { notify_file: "file", notify_activity: "activity", notify_notification: "notification" };
  return { text, kind: kinds[text] || "custom" };
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// The buttons

function act(what, message) {
  const form = new URLSearchParams({ what, user: chosenPerson().id, message: message || "" });
  return fetch("/demo/do", { method: "POST", body: form }).then(async (answer) => {
    if (!answer.ok) byId("happened").textContent = "That failed: " + (await answer.text());
  }, hasEnded);
}

function hasEnded() {
  byId("happened").textContent = "The demo does not answer. Start it again in its terminal, then reload this page.";
}

let state;
const chosenPerson = () => state.people.find((person) => person.id === document.querySelector("#who :checked").value);

function namePerson() {
  document.querySelectorAll(".person").forEach((place) => { place.textContent = chosenPerson().name; });
}

function offerPeople() {
  state.people.forEach((person, i) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "who", value: person.id, id: "who-" + person.id, checked: i === 0, onchange: namePerson });
    label.append(radio, element("span", "", person.name));
    byId("who").append(label);
  });
  namePerson();
}

function offerCommands() {
  for (const command of state.commands) {
    const line = document.createElement("li");
    const copy = element("button", "", "Copy");
    copy.type = "button";
    const code = element("code", "", command.line);
    copy.onclick = async () => {
      getSelection().selectAllChildren(code); // for the browser that does not let a page copy
      await navigator.clipboard.writeText(command.line);
      copy.textContent = "Copied";
    };
    line.append(element("span", "", command.does), code, copy);
    byId("commands").append(line);
  }
}

document.querySelectorAll("[data-do]").forEach((button) => { button.onclick = () => act(button.dataset.do); });

byId("change-many").onclick = async (event) => {
  event.currentTarget.disabled = true;
  for (let i = 0; i < 20; i++) {
    await act("shared");
    await sleep(150);
  }
  byId("change-many").disabled = false;
};

byId("custom").onsubmit = (event) => {
  event.preventDefault();
  act("custom", byId("message").value);
};

// The counters are asked for at most once in 300 ms.

let counting = false;

async function refreshCounters() {
  if (counting) return;
  counting = true;
  await sleep(300);
  counting = false;
  const answer = await fetch("/demo/counters").catch(hasEnded);
  if (!answer || !answer.ok) return;
  const counters = await answer.json();
  document.querySelectorAll("[data-counter]").forEach((place) => { place.textContent = counters[place.dataset.counter]; });
}

function describe(event) {
  const what = { file: "changed " + event.what, activity: "new activity", notification: "new notification", custom: event.what }[event.kind];
  const id = event.id ? " (file id " + event.id + ")" : "";
  return "Published: " + what + id + ", to reach " + (event.users.join(", ") || "nobody") + ".";
}

async function start() {
  state = await (await fetch("/demo/state")).json();
  offerPeople();
  offerCommands();
  const panes = [new Pane("left", state.people, "alice"), new Pane("right", state.people, "bob")];
  await syncClock();
  const feed = new EventSource("/demo/feed");
  // Both are logged in as soon as the page hears of events, so that the first click shows a push.
  feed.addEventListener("open", () => panes.forEach((pane) => pane.login(pane.person.password)), { once: true });
  feed.addEventListener("open", syncClock);
  feed.onerror = hasEnded;
  feed.onmessage = (message) => {
    const event = JSON.parse(message.data);
    byId("happened").textContent = describe(event);
    panes.forEach((pane) => pane.happened(event));
    refreshCounters();
  };
  refreshCounters();
}

start();

// Shows the dialog while the circuit is lost. A restarted server does not know the circuit, so the page reloads.
const dialog = document.getElementById("components-reconnect-modal");

dialog.addEventListener("components-reconnect-state-changed", event => {
  switch (event.detail.state) {
    case "show":
      dialog.showModal();
      break;
    case "hide":
      dialog.close();
      break;
    case "failed":
      // A visitor who returns to this tab wants it to work.
      document.addEventListener("visibilitychange", retryWhenVisible);
      watchForTheServer();
      break;
    case "rejected":
      location.reload();
      break;
  }
});

document.getElementById("reconnect-retry").addEventListener("click", retry);
document.getElementById("reconnect-resume").addEventListener("click", resume);

async function retry() {
  document.removeEventListener("visibilitychange", retryWhenVisible);
  try {
    // False: the server answered but does not know this circuit.
    if (!await Blazor.reconnect() && !await Blazor.resumeCircuit()) {
      location.reload();
    }
  } catch {
    document.addEventListener("visibilitychange", retryWhenVisible);
  }
}

// Blazor gives up after some minutes, but nobody presses the button on a wall display.
async function watchForTheServer() {
  while (dialog.open) {
    await new Promise(later => setTimeout(later, 5000));
    try {
      if ((await fetch("health", { cache: "no-store" })).ok) {
        await retry();
        return;
      }
    } catch {
      // still away
    }
  }
}

async function resume() {
  if (!await Blazor.resumeCircuit()) {
    location.reload();
  }
}

function retryWhenVisible() {
  if (document.visibilityState === "visible") {
    retry();
  }
}

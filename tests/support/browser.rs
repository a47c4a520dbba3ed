//! A real browser, driven through chromedriver by the WebDriver protocol (W3C): plain HTTP with JSON.
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A headless Chromium with an empty profile of its own.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

/// Whether both programs are installed.
pub fn is_installed() -> bool {
    ["chromedriver", "/usr/bin/chromium"].iter().all(|program| {
        Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success())
    })
}

impl Browser {
    pub fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let user = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1000",
            &user,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}}}});
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "chromedriver does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let made = browser.ask("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        // What the browser's own first page asked for is none of ours.
        browser.post("/url", &json!({"url": "about:blank"}));
        browser.traffic();
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut said = Vec::new();
        let mut chunk = [0; 65_536];
        let text = loop {
            let read = stream.read(&mut chunk).unwrap();
            said.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&said).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head.split("content-length:").nth(1).and_then(|l| l.lines().next());
                let length: Option<usize> = length.and_then(|l| l.trim().parse().ok());
                if read == 0 || length.is_some_and(|length| body.len() >= length) {
                    break body.to_owned();
                }
            }
            assert!(read > 0, "chromedriver closed: {text}");
        };
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {}", answer["value"]["message"]);
        answer["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// A command of Chromium's own protocol (DevTools), and what it answers.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// From now on it is counted which functions of a page are called.
    pub fn count_calls(&self) {
        self.devtools("Profiler.enable", &json!({}));
        let wanted = json!({"callCount": true, "detailed": false});
        self.devtools("Profiler.startPreciseCoverage", &wanted);
    }

    /// The functions that the page's last script declares after `mark` and that nobody has called.
    pub fn never_called(&self, mark: &str) -> Vec<String> {
        let text = self.get("[...document.scripts].at(-1).textContent");
        let (before, own) = text.as_str().unwrap().split_once(mark).expect("it has the mark");
        let from = before.encode_utf16().count() as i64;
        let is_declared = |name: &str| {
            let arrow = own.split_once(&format!("const {name} = ")).is_some_and(|(_, after)| {
                let head = after.split("=>").next().unwrap_or_default();
                !head.contains(['[', ';', '\n'])
            });
            arrow || own.contains(&format!("function {name}("))
        };
        let found = self.devtools("Profiler.takePreciseCoverage", &json!({}));
        let scripts = found["result"].as_array().unwrap().iter();
        let own = scripts.filter(|script| script["url"].as_str().unwrap().starts_with("file://"));
        let mut calls = std::collections::BTreeMap::new();
        for function in own.flat_map(|script| script["functions"].as_array().unwrap()) {
            let name = function["functionName"].as_str().unwrap();
            if function["ranges"][0]["startOffset"].as_i64().unwrap() > from && is_declared(name) {
                *calls.entry(name).or_insert(0) += function["ranges"][0]["count"].as_i64().unwrap();
            }
        }
        assert!(calls.len() > 50, "calls are counted: {calls:?}");
        calls.into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name.to_owned()).collect()
    }

    /// What a screen reader could not name: roles of nodes that need a name and have none.
    pub fn unnamed(&self) -> Vec<String> {
        const NEED: [&str; 12] = [
            "button",
            "checkbox",
            "columnheader",
            "combobox",
            "figure",
            "heading",
            "image",
            "link",
            "region",
            "rowheader",
            "table",
            "textbox",
        ];
        self.devtools("Accessibility.enable", &json!({}));
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let seen = nodes.filter(|node| node["ignored"] != true);
        let bare = seen.filter(|node| node["name"]["value"].as_str().is_none_or(str::is_empty));
        let roles = bare.filter_map(|node| node["role"]["value"].as_str());
        roles.filter(|role| NEED.contains(role) || *role == "Canvas").map(str::to_owned).collect()
    }

    pub fn open(&self, file: &Path, hash: &str) {
        let path = file.display().to_string().replace('%', "%25").replace(' ', "%20");
        self.post("/url", &json!({"url": format!("file://{}{hash}", path.replace('#', "%23"))}));
        self.wait("document.body.dataset.ready === 'yes'");
    }

    /// What an expression is.
    pub fn get(&self, expression: &str) -> Value {
        self.post("/execute/sync", &json!({"script": format!("return {expression}"), "args": []}))
    }

    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let begun = Instant::now();
        while self.get(expression) != Value::Bool(true) {
            let text = || self.get("document.body.innerText.slice(0, 600)");
            assert!(begun.elapsed() < Duration::from_secs(20), "not so: {expression}\n{}", text());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Clicks an element, out from under what sticks to the window's top.
    pub fn click(&self, selector: &str) {
        let found = format!("document.querySelector({})", Value::from(selector));
        self.get(&format!("{found}.scrollIntoView({{block: 'center'}})"));
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element; `\u{e013}` is the arrow up, `\u{e00c}` Escape (WebDriver, "keyboard actions").
    pub fn keys(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Drags with the pressed pointer through points of the window.
    pub fn drag(&self, points: &[(f64, f64)]) {
        let at = |p: &(f64, f64)| json!({"type": "pointerMove", "duration": 30, "x": p.0.round(), "y": p.1.round()});
        let mut actions = vec![at(&points[0]), json!({"type": "pointerDown", "button": 0})];
        actions.extend(points[1..].iter().map(at));
        actions.push(json!({"type": "pointerUp", "button": 0}));
        self.post(
            "/actions",
            &json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]}),
        );
    }

    /// Addresses that were asked for, and what the console said of errors, since the last time.
    pub fn traffic(&self) -> (Vec<String>, Vec<String>) {
        let log =
            |kind: &str| self.post("/se/log", &json!({"type": kind})).as_array().cloned().unwrap();
        let events = log("performance").into_iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let asked = event["method"] == "Network.requestWillBeSent";
            asked.then(|| event["params"]["request"]["url"].as_str().unwrap().to_owned())
        });
        (events.collect(), log("browser").iter().map(|e| e["message"].to_string()).collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.ask("DELETE", &path, &Value::Null)
            }));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

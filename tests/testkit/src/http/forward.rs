//! A small client that passes a request on to a real server, which makes the server before it a
//! recorder: answers with a length, in chunks or up to the end of the connection.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::TcpStream;

use super::wire::{read_headers, read_line};
use super::{Request, Response, find_header};

/// Passes a request on to another origin (`http://127.0.0.1:5556`) and returns its answer.
///
/// Everything stays as it is, `Host` too, but for the headers that belong to one connection. An
/// origin that cannot be reached, or whose answer breaks off, becomes a 502 with the reason.
pub fn forward(request: &Request, to_origin: &str) -> Response {
    try_forward(request, to_origin)
        .unwrap_or_else(|error| Response::text(502, format!("{to_origin}: {error}\n")))
}

fn try_forward(request: &Request, to_origin: &str) -> io::Result<Response> {
    let address = to_origin
        .strip_prefix("http://")
        .unwrap_or(to_origin)
        .trim_end_matches('/');
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in request
        .headers
        .iter()
        .filter(|(name, _)| !is_hop_by_hop(name))
    {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("Connection: close\r\n\r\n");
    socket.write_all(&[head.as_bytes(), &request.body].concat())?;

    let mut stream = BufReader::new(socket);
    let status = read_status(&mut stream)?;
    let headers = read_headers(&mut stream)?;
    let body = if request.method == "HEAD" || status == 204 || status == 304 {
        Vec::new()
    } else {
        read_body(&mut stream, &headers)?
    };
    let mut response = Response::new(status).body(body);
    response.headers = headers;
    response.headers.retain(|(name, _)| !is_hop_by_hop(name));
    Ok(response)
}

fn is_hop_by_hop(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

fn read_status(stream: &mut impl BufRead) -> io::Result<u16> {
    let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| io::Error::other(format!("not a status line: {line}")))
}

fn read_body(stream: &mut impl BufRead, headers: &[(String, String)]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let encoding = find_header(headers, "transfer-encoding").unwrap_or_default();
    if encoding.eq_ignore_ascii_case("chunked") {
        while read_chunk(stream, &mut body)? {}
        read_headers(stream)?; // trailers, most often none
    } else if let Some(length) = find_header(headers, "content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        stream.read_exact(&mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Appends one chunk; tells whether more follow.
fn read_chunk(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let line = read_line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let digits = line.split(';').next().unwrap_or_default().trim();
    let size = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
    if size == 0 {
        return Ok(false);
    }
    let start = body.len();
    body.resize(start + size, 0);
    stream.read_exact(&mut body[start..])?;
    read_line(stream)?;
    Ok(true)
}

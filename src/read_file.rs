//! The one way to read a file: what it is, how large it may be, and how long it may take.
//!
//! Whoever names a file, be it a person, a variable or another program's configuration, may name a FIFO that nobody
//! writes to, or a device without an end. The kind is asked of the opened handle, so nothing can be put in the file's
//! place between. Symbolic links are followed: Kubernetes mounts files that way.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::deadline;

/// More than any token, key, authority or configuration is long that is not named as larger.
pub const ONE_MIB: u64 = 1024 * 1024;
/// How long a pipe, or a file that a person names, may usually take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What may stand in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file. For what is read more than once, or unasked.
    File,
    /// That, or a pipe, such as a shell's `<(pass show kubeflow)` or `/dev/stdin`, which has so long. For what a person
    /// names and what is read once.
    FileOrPipe(Duration),
}

/// Reads a whole file of at most `largest` bytes; the error's kind is that of opening it, such as
/// [`ErrorKind::NotFound`].
pub fn read(path: &Path, kind: Kind, largest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    match kind {
        Kind::File => read_open(open(path)?, largest),
        Kind::FileOrPipe(limit) => {
            let path = path.to_path_buf();
            let read = deadline::within(limit, move || read_file_or_pipe(&path, largest));
            read.unwrap_or_else(|| Err(gave_nothing(limit)))
        }
    }
}

fn gave_nothing(limit: Duration) -> io::Error {
    let what = format!("it gave nothing within {:.0} s", limit.as_secs_f64());
    io::Error::new(ErrorKind::TimedOut, what)
}

/// What a process is fed with.
pub struct Stdin {
    /// What comes.
    pub stream: Box<dyn Read + Send>,
    /// Whether a person types it.
    pub is_terminal: bool,
}

impl Stdin {
    /// Lets `read` take what comes, once; whatever is no person has so long for that.
    pub fn take<T: Send + 'static>(
        &mut self,
        limit: Duration,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let mut stream = std::mem::replace(&mut self.stream, Box::new(io::empty()));
        if self.is_terminal {
            return read(&mut *stream);
        }
        let taken = deadline::within(limit, move || read(&mut *stream));
        taken.unwrap_or_else(|| Err(gave_nothing(limit)))
    }
}

/// Opening a FIFO for reading waits for its writer, and so may each read.
fn read_file_or_pipe(path: &Path, largest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    if !is_pipe(&path.metadata()?) {
        return read_open(open(path)?, largest);
    }
    let pipe = File::open(path)?;
    let metadata = pipe.metadata()?;
    if !is_pipe(&metadata) {
        check(&metadata)?;
    }
    read_open(pipe, largest)
}

/// Reads a text file as [`read`] does.
pub fn read_text(path: &Path, kind: Kind, largest: u64) -> io::Result<Zeroizing<String>> {
    let bytes = read(path, kind, largest)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads what is open, with room for all of it from the start: growing would leave copies behind that nobody wipes.
pub fn read_open(file: File, largest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = file.metadata()?.len().min(largest);
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        let what = format!("it is larger than {largest} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// Opens a regular file; nothing else makes us wait, or is set going by being opened.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    let opened = options.open(path);
    #[cfg(unix)]
    let opened = opened.map_err(|error| {
        // A socket cannot be opened at all, and says so in words of its own.
        let is_socket = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
        if is_socket {
            refused("a socket")
        } else {
            error
        }
    });
    let file = opened?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Opens a file to append to it: what is no regular file, such as a terminal or `/dev/null`, may be written to where it
/// takes the words at once.
pub fn open_to_append(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    without_waiting(options.create(true).append(true));
    let opened = options.open(path);
    #[cfg(unix)]
    let opened = opened.map_err(|error| {
        let is_unread = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
        if is_unread {
            let what = "it is a pipe that nobody reads, or a socket";
            io::Error::new(ErrorKind::InvalidInput, what)
        } else {
            error
        }
    });
    opened
}

#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
}

#[cfg(not(unix))]
fn without_waiting(_options: &mut OpenOptions) {}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() || is_null(metadata) {
        return Ok(());
    }
    if metadata.is_dir() {
        let what = "it is a folder";
        return Err(io::Error::new(ErrorKind::IsADirectory, what));
    }
    Err(refused(if is_pipe(metadata) {
        "a pipe"
    } else {
        "a device"
    }))
}

fn refused(what: &str) -> io::Error {
    let what = format!("it is {what}, not a regular file");
    io::Error::new(ErrorKind::InvalidInput, what)
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_metadata: &Metadata) -> bool {
    false
}

/// `/dev/null` is an empty file to everybody, such as a configuration that says nothing.
#[cfg(unix)]
fn is_null(metadata: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let is_same = |null: &Metadata| null.rdev() == metadata.rdev();
    metadata.file_type().is_char_device()
        && Path::new("/dev/null")
            .metadata()
            .is_ok_and(|null| is_same(&null))
}

#[cfg(not(unix))]
fn is_null(_metadata: &Metadata) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        path
    }

    #[test]
    fn what_is_no_file_is_refused_at_once_and_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, socket) = (fifo(folder.path()), folder.path().join("socket"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let start = Instant::now();
        for (path, words) in [
            (folder.path(), "a folder"),
            (&fifo, "a pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/dev/full"), "a device"),
        ] {
            let error = read(path, Kind::File, ONE_MIB).unwrap_err();
            assert!(error.to_string().contains(words), "{path:?}: {error}");
            if path != fifo {
                let error = read(path, Kind::FileOrPipe(PATIENCE), ONE_MIB).unwrap_err();
                assert!(error.to_string().contains(words), "{path:?}: {error}");
            }
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_file_is_read_through_links_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "12345").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for kind in [Kind::File, Kind::FileOrPipe(PATIENCE)] {
            assert_eq!(&**read(&link, kind, 5).unwrap(), b"12345");
            let error = read(&link, kind, 4).unwrap_err();
            assert!(error.to_string().contains("larger than 4 bytes"), "{error}");
            let error = read(&folder.path().join("gone"), kind, 5).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(read(Path::new("/dev/null"), kind, 5).unwrap().is_empty());
        }
        std::fs::write(&file, [0xff]).unwrap();
        let error = read_text(&link, Kind::File, 5).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn a_pipe_is_waited_for_where_it_may_stand() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(folder.path());
        let writer = std::thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, "late")
        });
        assert_eq!(
            &**read(&path, Kind::FileOrPipe(PATIENCE), 10).unwrap(),
            b"late"
        );
        writer.join().unwrap().unwrap();
        let error = read(&path, Kind::FileOrPipe(Duration::from_millis(1)), 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn stdin_is_waited_for_where_a_person_types_it() {
        let silent = |is_terminal| {
            let (reader, writer) = std::io::pipe().unwrap();
            let stdin = Stdin {
                stream: Box::new(reader),
                is_terminal,
            };
            (stdin, writer)
        };
        let take = |stdin: &mut Stdin| {
            stdin.take(Duration::from_millis(50), |stream| {
                io::read_to_string(stream)
            })
        };
        let (mut piped, _writer) = silent(false);
        assert_eq!(take(&mut piped).unwrap_err().kind(), ErrorKind::TimedOut);
        let (mut typed, mut person) = silent(true);
        let person = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            std::io::Write::write_all(&mut person, b"late")
        });
        assert_eq!(take(&mut typed).unwrap(), "late");
        person.join().unwrap().unwrap();
    }

    #[test]
    fn a_log_is_opened_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let append = |path: &Path| open_to_append(path, &mut OpenOptions::new());
        let error = append(&fifo(folder.path())).unwrap_err();
        assert!(error.to_string().contains("nobody reads"), "{error}");
        assert!(append(Path::new("/dev/null")).is_ok());
        assert!(append(folder.path()).is_err());
        assert!(append(&folder.path().join("log")).is_ok());
    }
}

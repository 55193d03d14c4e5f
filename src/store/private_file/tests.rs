use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

use tempfile::TempDir;

use super::*;

/// A private folder below one that is as it comes.
fn folder() -> (TempDir, std::path::PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("a/b");
    private_folder(&folder).unwrap();
    (base, folder)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refused<T: std::fmt::Debug>(outcome: io::Result<T>, word: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error.to_string().contains(word),
        "{word} is missing in {error}"
    );
}

#[test]
fn folders_are_0700_and_files_0600() {
    let (_base, folder) = folder();
    let file = folder.join("f");
    write_private(&file, b"1").unwrap();
    write_private_durably(&folder.join("g"), b"1").unwrap();
    open_private(&folder.join("h")).unwrap();
    assert_eq!(
        (mode(folder.parent().unwrap()), mode(&folder)),
        (0o700, 0o700)
    );
    assert_eq!(
        ["f", "g", "h"].map(|name| mode(&folder.join(name))),
        [0o600; 3]
    );
    set_mode(&file, 0o644);
    write_private(&file, b"22").unwrap();
    assert_eq!(
        (
            mode(&file),
            read_private(&file).unwrap().unwrap().as_slice()
        ),
        (0o600, &b"22"[..])
    );
    assert_eq!(
        fs::read_dir(&folder).unwrap().count(),
        3,
        "nothing is left beside"
    );
}

#[test]
fn only_what_is_half_written_for_a_file_is_removed() {
    let (_base, folder) = folder();
    let left = [".f.aB3.kfp-credential", ".f.Zz9.kfp-credential"];
    let others = [
        "f",
        ".f.x.aB3.kfp-credential",
        ".f.aB3",
        "f.aB3.kfp-credential",
    ];
    for name in left.iter().chain(&others) {
        fs::write(folder.join(name), "").unwrap();
    }
    let being_written = write_beside(&folder.join("f"), b"1").unwrap();
    remove_half_written(&folder.join("f"));
    being_written.persist(folder.join("f")).unwrap();
    assert!(left.iter().all(|name| !folder.join(name).exists()));
    assert!(others.iter().all(|name| folder.join(name).exists()));
}

#[test]
fn what_is_missing_is_none() {
    let (_base, folder) = folder();
    assert!(read_private(&folder.join("f")).unwrap().is_none());
    assert!(read_private(&folder.join("c/f")).unwrap().is_none());
    assert!(!remove_private(&folder.join("c/f")).unwrap());
}

#[test]
fn a_symbolic_link_is_refused_as_file_and_as_folder() {
    let (base, folder) = folder();
    let file = folder.join("f");
    write_private(&folder.join("g"), b"1").unwrap();
    symlink(folder.join("g"), &file).unwrap();
    refused(read_private(&file), "is a symbolic link");
    refused(open_private(&file), "is a symbolic link");
    refused(write_private(&file, b"2"), "is a symbolic link");
    symlink(folder.join("nowhere"), folder.join("h")).unwrap();
    refused(open_private(&folder.join("h")), "is a symbolic link");
    let linked = base.path().join("linked");
    symlink(&folder, &linked).unwrap();
    refused(private_folder(&linked), "is a symbolic link");
    refused(read_private(&linked.join("g")), "is a symbolic link");
    refused(write_private(&linked.join("g"), b"2"), "is a symbolic link");
    refused(remove_private(&linked.join("g")), "is a symbolic link");
    assert_eq!(fs::read(folder.join("g")).unwrap(), b"1");
}

#[test]
fn what_others_can_write_is_refused() {
    let (_base, folder) = folder();
    let file = folder.join("f");
    write_private(&file, b"1").unwrap();
    set_mode(&file, 0o620);
    refused(read_private(&file), "mode 0620");
    set_mode(&file, 0o600);
    set_mode(&folder, 0o770);
    refused(read_private(&file), "chmod go-w");
    refused(write_private(&file, b"2"), "mode 0770");
    refused(private_folder(&folder), "mode 0770");
    set_mode(&folder, 0o1777);
    let own = format!("`mkdir -m 700 {}`", folder.join("kfp").display());
    refused(write_private(&file, b"2"), &own);
    refused(write_private(&file, b"2"), "mode 1777");
    set_mode(&folder, 0o755);
    assert!(read_private(&file).is_ok());
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return refused(private_folder(Path::new("/")), "belongs to uid 0");
    }
    let (_base, folder) = folder();
    let file = folder.join("f");
    write_private(&file, b"1").unwrap();
    lchown(&file, Some(4711), None).unwrap();
    refused(read_private(&file), "belongs to uid 4711");
    refused(open_private(&file), "belongs to uid 4711");
    refused(write_private(&file, b"2"), "belongs to uid 4711");
    chown(&folder, Some(4711), None).unwrap();
    refused(private_folder(&folder), "belongs to uid 4711");
    refused(
        write_private(&folder.join("g"), b"2"),
        "belongs to uid 4711",
    );
}

#[test]
fn what_is_no_file_is_refused_and_makes_nobody_wait() {
    let (_base, folder) = folder();
    let fifo = folder.join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    refused(read_private(&fifo), "is not a file");
    refused(write_private(&fifo, b"1"), "is not a file");
    fs::create_dir(folder.join("d")).unwrap();
    refused(read_private(&folder.join("d")), "is not a file");
    refused(private_folder(&fifo), "is not a folder");
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let (_base, folder) = folder();
    let file = folder.join("f");
    write_private(&file, &vec![0; 1024 * 1024]).unwrap();
    assert_eq!(read_private(&file).unwrap().unwrap().len(), 1024 * 1024);
    write_private(&file, &vec![0; 1024 * 1024 + 1]).unwrap();
    refused(read_private(&file), "larger than 1 MiB");
}

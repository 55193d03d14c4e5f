//! `kfp-credential man`: the manual page, made of the grammar.

use std::io::Write;

use clap::Command;

use crate::error::{Error, Result, Slug};

/// One page for the program and all its commands.
pub(super) fn page(mut command: Command) -> Result<String> {
    command.build();
    let mut page = Vec::new();
    let mut render = || -> std::io::Result<()> {
        let man = clap_mangen::Man::new(command.clone());
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        render_commands(&command, &mut page)?;
        man.render_extra_section(&mut page)
    };
    render().map_err(|error| {
        Error::new(Slug::Internal, "the manual page could not be written").because(error)
    })?;
    let page = String::from_utf8_lossy(&page);
    Ok(page.replace("\n.SH EXTRA\n", "\n.SH ENVIRONMENT AND EXIT STATUS\n"))
}

/// A section for each command below this one, with its parts as subsections.
fn render_commands(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    for command in command.get_subcommands() {
        if command.get_name() == "help" {
            continue;
        }
        let man = clap_mangen::Man::new(command.clone());
        let mut parts = Vec::new();
        man.render_synopsis_section(&mut parts)?;
        man.render_description_section(&mut parts)?;
        man.render_options_section(&mut parts)?;
        if command.get_after_help().is_some() {
            man.render_extra_section(&mut parts)?;
            parts.extend(b".fi\n");
        }
        let title = command.get_bin_name().unwrap_or(command.get_name());
        let parts = String::from_utf8_lossy(&parts)
            .replace("\n.SH EXTRA\n", "\n.SH EXAMPLES\n.nf\n")
            .replace("\n.SH ", "\n.SS ");
        write!(page, ".SH \"{}\"\n{parts}", title.to_uppercase())?;
        render_commands(command, page)?;
    }
    Ok(())
}

"""One self-contained HTML file that shows a captioned dataset."""

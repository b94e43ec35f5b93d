"""Write-behind: writes are accepted at once and committed a moment later."""

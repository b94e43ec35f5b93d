"""What scripts can call: one module per global, each declared once for both languages."""

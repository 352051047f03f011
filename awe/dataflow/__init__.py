"""Finding what is there, planning what to do, and making it; knows declarations, not astronomy."""

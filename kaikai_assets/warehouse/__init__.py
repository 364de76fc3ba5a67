"""Gold for analysts: tables of the lake published into a database that they read while runs write."""

"""Air quality: sensors in schools and cities, particles, temperature, humidity, CO2."""

"""What space group, time reversal and hermiticity make of a real-space model."""

"""The clients of the Web Platform, of Gemini, of media files and of AWS services."""

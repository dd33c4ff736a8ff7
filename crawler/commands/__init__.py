"""Scrapy's commands, where this project says something before Scrapy does (`COMMANDS_MODULE`)."""

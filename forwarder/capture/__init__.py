"""Frames as Wireshark reads them: LoRaTap records in a pcap file."""
